/** `-v`: a directory of the host (HOST:CONTAINER), a volume (NAME:CONTAINER) or a volume without a name (CONTAINER). */
import { isAbsolute, resolve } from "node:path";
import type { BindRequest, VolumeRequest } from "../../engine/types.ts";

type Propagation = NonNullable<BindRequest["propagation"]>;

const PROPAGATIONS = new Set<string>(["private", "rprivate", "shared", "rshared", "slave", "rslave"]);
/**
 * z and Z relabel for SELinux and mean nothing on a host without it; the consistency modes speed up Docker Desktop's
 * file sharing and mean nothing on Linux. Docker accepts them there, and so do scripts that are run on both.
 */
const NEUTRAL = new Set(["z", "Z", "consistent", "cached", "delegated"]);

export const isPropagation = (text: string): text is Propagation => PROPAGATIONS.has(text);

/** What a `-v` value asks for; relative sources ("./x") are resolved against `cwd`. */
export function parseVolume(text: string, cwd: string): BindRequest | VolumeRequest {
  const fields = text.split(":");
  if (fields.length > 3) throw new Error(`invalid spec: ${text}: too many colons`);
  if (text === "" || fields.includes(""))
    throw new Error(`invalid spec: ${text}: empty section between colons`);
  const [source, target, options] = fields as [string, string | undefined, string | undefined];
  if (target === undefined) return volume({ name: "", target: source });

  const host = source.startsWith(".") ? resolve(cwd, source) : source;
  const modes = options === undefined ? [] : parseModes(options, isAbsolute(host));
  const common = { readOnly: modes.includes("ro"), ...(modes.includes("U") && { mapOwner: true }) };
  if (!isAbsolute(host)) {
    return volume({ name: source, target, ...common, ...(modes.includes("nocopy") && { noCopy: true }) });
  }
  const propagation = modes.find(isPropagation);
  return {
    type: "bind",
    source: host,
    target,
    sourceMustExist: false,
    ...common,
    ...(propagation && { propagation }),
  };
}

function volume(of: Pick<VolumeRequest, "name" | "target"> & Partial<VolumeRequest>): VolumeRequest {
  return { type: "volume", readOnly: false, short: true, ...of };
}

function parseModes(options: string, isBind: boolean): string[] {
  const modes = options.split(",");
  const families = modes.map((mode) => familyOf(mode, isBind));
  if (families.includes(undefined) || new Set(families).size < families.length)
    throw new Error(`invalid mode: ${options}`);
  return modes;
}

/** Options of one family exclude each other. */
function familyOf(mode: string, isBind: boolean): string | undefined {
  if (mode === "ro" || mode === "rw") return "access";
  if (mode === "z" || mode === "Z") return "label";
  if (mode === "U") return "owner";
  if (mode === "nocopy") return isBind ? undefined : "copy";
  if (isPropagation(mode)) return isBind ? "propagation" : undefined;
  return NEUTRAL.has(mode) ? "consistency" : undefined;
}
