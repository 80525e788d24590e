/** Whose a container is. */
import { readFileSync, statSync } from "node:fs";
import { containerDirectory } from "../../oci/state.ts";

/** The name of the user who owns the container's directory; "#1000" where the number has no name on this host. */
export function ownerOf(root: string, id: string): string {
  const { uid } = statSync(containerDirectory(root, id));
  return nameOf(uid) ?? `#${uid}`;
}

function nameOf(uid: number): string | undefined {
  if (uid === 0) return "root";
  let text: string;
  try {
    text = readFileSync("/etc/passwd", "utf8");
  } catch {
    return undefined;
  }
  const entry = text.split("\n").find((line) => line.split(":")[2] === String(uid));
  return entry?.split(":")[0];
}
