/** Account files of a container that does not run: read through its writable layer and the image's layers. */
import { join } from "node:path";
import { layerPath } from "../store/layers.ts";
import { containerDir, type Paths } from "../store/paths.ts";
import { readFileInLayers } from "../store/resolve.ts";
import { remembering } from "./remember.ts";
import type { ResolvedImage } from "./resolve-image.ts";
import type { ContainerOptions, ContainerRecord } from "./types.ts";
import { type AccountFiles, type ResolvedUser, resolveUser } from "./user.ts";

/** Larger account files are not those of an image made in good faith. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Directories of the overlay, topmost first; the writable one only where a container is named. */
export function overlayDirectories(paths: Paths, layers: readonly string[], containerId?: string): string[] {
  const images = layers.map((diffId) => layerPath(paths, diffId)).reverse();
  return containerId === undefined ? images : [join(containerDir(paths, containerId), "upper"), ...images];
}

/** The user that a specification means in this container; throws ERR_TSRUN_USER_* and ERR_TSRUN_GROUP_NOT_FOUND. */
export function userInLayers(
  directories: readonly string[],
  spec: string,
  groupAdd: readonly string[] | undefined,
): ResolvedUser {
  return resolveUser(spec, accountFiles(directories), groupAdd);
}

/** The same in a container that is yet to be made of an image. */
export function userInImage(
  paths: Paths,
  { diffIds, config }: Pick<ResolvedImage, "diffIds" | "config">,
  { user, groupAdd }: Pick<ContainerOptions, "user" | "groupAdd">,
): ResolvedUser {
  const directories = overlayDirectories(paths, diffIds);
  const files = ofImages(directories.join(":"), () => accountFiles(directories));
  return resolveUser(user || config.User || "", files, groupAdd);
}

const ofImages = remembering<AccountFiles>(16);

function accountFiles(directories: readonly string[]): AccountFiles {
  const read = (path: string): string | undefined =>
    readFileInLayers(directories, path, MAX_BYTES)?.toString("utf8");
  return { passwd: read("/etc/passwd"), group: read("/etc/group") };
}

export function userOfRecord(paths: Paths, record: ContainerRecord): ResolvedUser {
  const spec = record.options.user || record.imageConfig.User || "";
  return userInLayers(overlayDirectories(paths, record.layers, record.id), spec, record.options.groupAdd);
}
