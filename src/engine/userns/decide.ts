/** The ids of a container's user namespace, decided when it is created. */
import type { Config } from "../../config.ts";
import { TsrunError } from "../../errors.ts";
import type { OciIdMapping } from "../../runtime/oci.ts";
import { readFileInLayers } from "../../store/resolve.ts";
import type { EngineContext } from "../context.ts";
import { overlayDirectories } from "../files-in-layers.ts";
import type { ResolvedImage } from "../resolve-image.ts";
import type { ContainerOptions, UserNamespace } from "../types.ts";
import type { ResolvedUser } from "../user.ts";
import { BLOCK, claimIds, freeIds } from "./claims.ts";
import { type UserNamespaceMode, userNamespaceMode } from "./mode.ts";
import { requireIds } from "./require-ids.ts";
import { addRange, common, consecutive, readText, remapAccounts, spansOf } from "./subordinate-ids.ts";

/** Whose subordinate ids `auto` gives out; podman's name for it. */
const AUTO_USER = "containers";
/** user_namespaces(7): all of them, but (uid_t)-1. */
const ALL_IDS: OciIdMapping[] = [{ containerID: 0, hostID: 0, size: 0xffffffff }];
const MAX_ACCOUNTS_BYTES = 4 * 1024 * 1024;
const NOBODY = 65534;

interface Asked {
  options: ContainerOptions;
  image: ResolvedImage;
  user: ResolvedUser;
  /** The container that is to have ids of its own; without, nothing is taken. */
  claimant?: string;
}

/**
 * undefined: it has the host's users. Throws ERR_TSRUN_USERNS_REMAP_INVALID, _RANGE_MISSING, _RANGE_EXHAUSTED, and
 * ERR_TSRUN_ID_UNMAPPED where the container's user is not among them.
 */
export function decideUserNamespace(context: EngineContext, asked: Asked): UserNamespace | undefined {
  const mode = userNamespaceMode(context.config, asked.options);
  const ids = mappingsOf(context, mode, asked);
  if (ids === undefined) return undefined;
  requireIds(asked.user, ids);
  return ids;
}

function mappingsOf(
  context: EngineContext,
  mode: UserNamespaceMode,
  asked: Asked,
): UserNamespace | undefined {
  switch (mode.kind) {
    case "host":
      return undefined;
    case "keep-id":
      return { uids: ALL_IDS, gids: ALL_IDS };
    case "remap":
      return remappedUsers(context.config);
    case "auto":
      return auto(context, asked, mode.size);
  }
}

/** What userns-remap gives to all containers alike; throws ERR_TSRUN_USERNS_REMAP_INVALID and _RANGE_MISSING. */
export function remappedUsers(config: Config): UserNamespace {
  const { user, group } = remapAccounts(config["userns-remap"] || "default");
  const uids = consecutive(spansOf(readText("/etc/subuid"), user));
  const gids = consecutive(spansOf(readText("/etc/subgid"), group));
  if (uids.length > 0 && gids.length > 0) return { uids, gids };
  const file = uids.length === 0 ? "/etc/subuid" : "/etc/subgid";
  throw rangeMissing(file, user.name);
}

function auto(context: EngineContext, asked: Asked, wanted: number | undefined): UserNamespace {
  const account = { name: AUTO_USER, id: undefined };
  const spans = common(spansOf(readText("/etc/subuid"), account), spansOf(readText("/etc/subgid"), account));
  if (spans.length === 0) throw rangeMissing("/etc/subuid and /etc/subgid", AUTO_USER);
  const size = wanted ?? sizeFor(context, asked);
  const first = asked.claimant
    ? claimIds(context.paths, asked.claimant, { spans, size })
    : freeIds(context.paths, { spans, size });
  if (first === undefined) {
    throw new TsrunError(
      "ERR_TSRUN_USERNS_RANGE_EXHAUSTED",
      `no ${size} consecutive ids are left of those that "${AUTO_USER}" has in /etc/subuid and /etc/subgid`,
      { hint: "remove containers, ask for fewer (--userns=auto:size=N), or give it a longer range" },
    );
  }
  const mapping = [{ containerID: 0, hostID: first, size }];
  return { uids: mapping, gids: mapping };
}

/** Enough for the users and groups that the image knows and for the one that was asked for; nobody stays nobody. */
function sizeFor({ paths }: EngineContext, { image, user }: Asked): number {
  const directories = overlayDirectories(paths, image.diffIds);
  const known = ["/etc/passwd", "/etc/group"].flatMap((path) =>
    (readFileInLayers(directories, path, MAX_ACCOUNTS_BYTES)?.toString("utf8") ?? "")
      .split("\n")
      .map((line) => line.split(":"))
      .flatMap(([, , uid = "", gid = ""]) => [uid, path === "/etc/passwd" ? gid : ""])
      .filter((id) => /^\d+$/.test(id))
      .map(Number),
  );
  const ids = known.filter((id) => id < NOBODY);
  return Math.max(BLOCK, 1 + Math.max(...ids, user.uid, user.gid, ...user.additionalGids));
}

function rangeMissing(file: string, name: string): TsrunError {
  return new TsrunError("ERR_TSRUN_USERNS_RANGE_MISSING", `${name} has no ids in ${file}`, {
    hint: addRange(name),
  });
}
