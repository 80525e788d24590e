/** What an entry's name means: its path inside the layer, and whether it is one of the whiteouts of image-spec layer.md. */
import { refused } from "./refusals.ts";

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** Everything else that begins so is bookkeeping of aufs, where whiteouts come from. */
const AUFS = ".wh..wh.";

export type EntryName =
  /** A path below the layer's root; "" and "" for the root itself. Byte strings. */
  | { kind: "entry"; parent: string; base: string }
  /** `parent`/`base` of the lower layers is hidden. */
  | { kind: "whiteout"; parent: string; base: string }
  /** All that the lower layers have in `parent` is hidden. */
  | { kind: "opaque"; parent: string; base: string }
  | { kind: "ignored"; parent: string; base: string };

/**
 * The relative path that a name in the archive stands for: without "./", doubled and trailing slashes; "" is the
 * root. Refuses names that are absolute or climb out, in the words of the entry `of` that they belong to.
 */
export function relativePath(name: string, of = { entry: name, what: "its name" }): string {
  if (name.startsWith("/")) throw refused(of.entry, `${of.what} is absolute`);
  if (name.includes("\0")) throw refused(of.entry, `${of.what} contains a NUL byte`);
  const plain = name.startsWith("./") ? name.slice(2) : name;
  const path = plain.endsWith("/") ? plain.slice(0, -1) : plain;
  // Nearly every name is clean by now; only the others are taken apart.
  if (path !== "" && !UNCLEAN.test(path)) return path;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw refused(of.entry, `${of.what} has a ".." component`);
  return parts.join("/");
}

const UNCLEAN = /(?:^|\/)\.{0,2}(?:\/|$)/;

/** Classifies the name of an entry; refuses what could not be honoured inside the layer. */
export function entryName(name: string): EntryName {
  const path = relativePath(name);
  const slash = path.lastIndexOf("/");
  const parent = slash < 0 ? "" : path.slice(0, slash);
  const base = path.slice(slash + 1);
  if (!path.includes(WHITEOUT)) return { kind: "entry", parent, base };
  if (isBelow(parent, AUFS)) return { kind: "ignored", parent, base };
  if (isBelow(parent, WHITEOUT)) throw refused(name, "it lies below a whiteout");
  if (!base.startsWith(WHITEOUT)) return { kind: "entry", parent, base };
  if (base === OPAQUE) return { kind: "opaque", parent, base };
  if (base.startsWith(AUFS)) return { kind: "ignored", parent, base };
  const hidden = base.slice(WHITEOUT.length);
  if (hidden === "" || hidden === "." || hidden === "..") {
    throw refused(name, `it is a whiteout of "${hidden}", which is not a name`);
  }
  return { kind: "whiteout", parent, base: hidden };
}

function isBelow(parent: string, prefix: string): boolean {
  return parent.startsWith(prefix) || parent.includes(`/${prefix}`);
}
