/** `-v HOST:CONTAINER[:OPTIONS]`, as far as it names a path of the host. */
import { isAbsolute, resolve } from "node:path";
import type { MountRequest } from "../../engine/types.ts";
import { TsrunError } from "../../errors.ts";

export type BindMount = Extract<MountRequest, { type: "bind" }>;
type Propagation = NonNullable<BindMount["propagation"]>;

const PROPAGATIONS = new Set<string>(["private", "rprivate", "shared", "rshared", "slave", "rslave"]);
/**
 * z and Z relabel for SELinux and mean nothing on a host without it; the consistency modes speed up Docker Desktop's
 * file sharing and mean nothing on Linux. Docker accepts them there, and so do scripts that are run on both.
 */
const NEUTRAL = new Set(["z", "Z", "consistent", "cached", "delegated"]);

export const isPropagation = (text: string): text is Propagation => PROPAGATIONS.has(text);

/** The bind mount that a `-v` value asks for; relative sources ("./x") are resolved against `cwd`. */
export function parseVolume(text: string, cwd: string): BindMount {
  const fields = text.split(":");
  if (fields.length > 3) throw new Error(`invalid spec: ${text}: too many colons`);
  if (text === "" || fields.includes(""))
    throw new Error(`invalid spec: ${text}: empty section between colons`);
  const [source, target, options] = fields as [string, string | undefined, string | undefined];
  if (target === undefined) throw unsupported(`the anonymous volume "${text}"`);

  const host = source.startsWith(".") ? resolve(cwd, source) : source;
  if (!isAbsolute(host)) throw unsupported(`the named volume "${source}"`);
  return {
    type: "bind",
    source: host,
    target,
    readOnly: false,
    sourceMustExist: false,
    ...(options !== undefined && parseModes(options)),
  };
}

function parseModes(options: string): Partial<BindMount> {
  const modes: Partial<BindMount> = {};
  const seen = new Set<string>();
  for (const mode of options.split(",")) {
    const family = familyOf(mode);
    if (family === undefined || seen.has(family)) throw new Error(`invalid mode: ${options}`);
    seen.add(family);
    if (isPropagation(mode)) modes.propagation = mode;
    if (mode === "ro") modes.readOnly = true;
  }
  return modes;
}

/** Options of one family exclude each other. */
function familyOf(mode: string): string | undefined {
  if (mode === "ro" || mode === "rw") return "access";
  if (isPropagation(mode)) return "propagation";
  if (mode === "z" || mode === "Z") return "label";
  return NEUTRAL.has(mode) ? "consistency" : undefined;
}

function unsupported(what: string): TsrunError {
  return new TsrunError("ERR_TSRUN_OPTION_UNSUPPORTED", `volumes are not supported yet: ${what}`, {
    hint: "mount a directory of the host: an absolute path, or one that starts with ./",
  });
}
