/** What is said of an image that this host's processor does not run by itself. */
import { formatPlatform, hostPlatform, rank } from "../image/platform.ts";
import type { ResolvedImage } from "./resolve-image.ts";
import type { ContainerOptions } from "./types.ts";

/** Docker's warning, where nobody asked for the image's platform; an emulator may run it all the same. */
export function platformWarnings(
  options: Pick<ContainerOptions, "platform">,
  { platform }: Pick<ResolvedImage, "platform">,
): string[] {
  const host = hostPlatform();
  // Which variants of its own architecture the processor knows is not looked for.
  const isOwn = platform.os === host.os && platform.architecture === host.architecture;
  if (options.platform !== undefined || isOwn || rank(host, platform) >= 0) return [];
  return [
    `The requested image's platform (${formatPlatform(platform)}) does not match the detected host platform ` +
      `(${formatPlatform(host)}) and no specific platform was requested`,
  ];
}
