/** The process that `exec` is asked for: process.json, or the container's own with what the flags change. */
import { readProcess } from "../../oci/bundle.ts";
import { invalidRequest } from "../../oci/errors.ts";
import type { StateDocument } from "../../oci/state.ts";
import type { OciCapabilities, OciProcess } from "../../runtime/oci.ts";
import type { Call } from "./command.ts";

export function processOfCall({ words, flags }: Call, { config }: StateDocument): OciProcess {
  const file = flags.text("process");
  if (file !== undefined) return readProcess(file);
  const [, ...args] = words;
  if (args.length === 0) throw invalidRequest("exec args cannot be empty");
  const own = config.process ?? { cwd: "/", env: [], args: [], user: { uid: 0, gid: 0 } };
  const capabilities = withCapabilities(own.capabilities, flags.strings("cap"));
  const apparmor = flags.text("apparmor");
  const label = flags.text("process-label");
  return {
    ...own,
    args,
    env: [...(own.env ?? []), ...flags.strings("env")],
    cwd: flags.text("cwd") ?? own.cwd,
    user: user(own.user, flags.text("user"), flags.strings("additional-gids")),
    terminal: flags.boolean("tty"),
    ...(flags.has("no-new-privs") && { noNewPrivileges: flags.boolean("no-new-privs") }),
    ...(capabilities && { capabilities }),
    ...(apparmor !== undefined && { apparmorProfile: apparmor }),
    ...(label !== undefined && { selinuxLabel: label }),
  };
}

/** Without inheritable ones the kernel grants no ambient ones (capabilities(7)), and --cap adds none of those. */
function withCapabilities(
  own: OciCapabilities | undefined,
  added: readonly string[],
): OciCapabilities | undefined {
  if (added.length === 0) return own;
  const plus = (names: readonly string[] = []): string[] => [...new Set([...names, ...added])];
  const { bounding, effective, permitted, inheritable, ambient } = own ?? {};
  return {
    bounding: plus(bounding),
    effective: plus(effective),
    permitted: plus(permitted),
    inheritable: inheritable ?? [],
    ambient: inheritable && inheritable.length > 0 ? plus(ambient) : (ambient ?? []),
  };
}

function user(
  own: OciProcess["user"],
  text: string | undefined,
  groups: readonly string[],
): OciProcess["user"] {
  const [uid, gid] = text?.split(":") ?? [];
  const added = groups.map((group) => {
    if (Number(group) < 0) throw invalidRequest(`additional-gids must be a positive number ${group}`);
    return Number(group);
  });
  const additionalGids = [...(own.additionalGids ?? []), ...added];
  return {
    ...own,
    ...(uid !== undefined && { uid: number(uid, "uid") }),
    ...(gid !== undefined && { gid: number(gid, "gid") }),
    ...(additionalGids.length > 0 && { additionalGids }),
  };
}

function number(text: string, what: string): number {
  if (!/^\d+$/.test(text)) throw invalidRequest(`bad ${what}: ${JSON.stringify(text)} is no number`);
  return Number(text);
}
