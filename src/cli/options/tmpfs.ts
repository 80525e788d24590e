/** `--tmpfs PATH[:OPTIONS]`. Which options there are is the engine's knowledge (engine/tmpfs-options.ts). */
import type { MountRequest } from "../../engine/types.ts";

export function parseTmpfs(text: string): MountRequest {
  const colon = text.indexOf(":");
  if (colon === -1 || colon === text.length - 1)
    return { type: "tmpfs", target: text.replace(/:$/, ""), options: [], short: true };
  return {
    type: "tmpfs",
    target: text.slice(0, colon),
    options: text.slice(colon + 1).split(","),
    short: true,
  };
}
