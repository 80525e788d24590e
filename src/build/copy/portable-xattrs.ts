import type { RawPath } from "../../kernel/files.ts";
import { xattrsOf } from "../../kernel/xattr.ts";
import { isPortableXattr } from "../../store/pack/entries.ts";

/** An attribute that a layer takes along; the value is a byte string. */
export type PortableXattr = readonly [name: string, value: string];

/** Of the file that a path leads to, by name. */
export const portableXattrs = (file: RawPath): PortableXattr[] =>
  [...(xattrsOf(file) ?? [])]
    .filter(([name]) => isPortableXattr(name))
    .map(([name, value]) => [name, value.toString("latin1")]);
