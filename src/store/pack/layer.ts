/**
 * The upper directory of an overlay as a layer (image-spec layer.md): what overlayfs notes as a device 0:0 or an
 * attribute (Documentation/filesystems/overlayfs.rst) becomes a whiteout file. The same directory always gives the
 * same archive, and with it the same diff id.
 */
import { TsrunError } from "../../errors.ts";
import { overlayAttribute } from "../../kernel/rootless.ts";
import { xattrsOfDescriptor } from "../../kernel/xattr.ts";
import { printable } from "../unpack/bytes.ts";
import type { PackedEntry } from "./header.ts";
import { packTree } from "./pack.ts";
import type { Visited } from "./walk.ts";

export interface PackLayerOptions {
  /** Paths (byte strings) that are no part of the layer, with all below them. */
  omits?: (path: string) => boolean;
  /** Called with each file of the layer but its root; the attributes of files and directories are given along. */
  onPacked?: (found: Visited, xattrs: ReadonlyMap<string, Buffer> | undefined) => void;
  onLeftOut?: (found: Visited) => void;
  signal?: AbortSignal | undefined;
}

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";

/** The archive of an upper directory (an O_PATH descriptor). Throws ERR_TSRUN_LAYER_NOT_PORTABLE. */
export function packLayer(upper: number, options: PackLayerOptions = {}): AsyncGenerator<Buffer> {
  const { onPacked, ...rest } = options;
  return packTree(upper, { ...rest, name: "", convert: (found, entry) => convert(found, entry, onPacked) });
}

/** Whether a file of an upper directory says that the lower one of its name is gone. */
export const isWhiteout = ({ stat }: Pick<Visited, "stat">): boolean =>
  stat.isCharacterDevice() && stat.rdev === 0n;

/** Whether a directory hides all that the lower ones have in it. */
export function isOpaque(xattrs: ReadonlyMap<string, Buffer> | undefined): boolean {
  const value = xattrs?.get("trusted.overlay.opaque") ?? xattrs?.get("user.overlay.opaque");
  return value?.toString("latin1") === "y";
}

function convert(
  found: Visited,
  entry: PackedEntry,
  onPacked: PackLayerOptions["onPacked"],
): readonly PackedEntry[] | undefined {
  const { path, stat, fd } = found;
  if (path === "") return isPlainRoot(entry) ? [] : undefined;
  const slash = path.lastIndexOf("/") + 1;
  const base = path.slice(slash);
  if (base.startsWith(WHITEOUT)) {
    throw notPortable(
      path,
      "names that begin with .wh. stand for removed files in a layer",
      "rename the file",
    );
  }
  const hasXattrs = stat.isDirectory() || stat.isFile();
  const xattrs = hasXattrs ? xattrsOfDescriptor(fd) : undefined;
  if (xattrs) refuseReference(path, xattrs);
  onPacked?.(found, xattrs);
  if (isWhiteout(found)) return [marker(`${path.slice(0, slash)}${WHITEOUT}${base}`)];
  return isOpaque(xattrs) ? [entry, marker(`${path}/${OPAQUE}`)] : undefined;
}

/** What overlayfs gives to the root of a container whose image says nothing of it. */
const isPlainRoot = ({ mode, uid, gid, xattrs }: PackedEntry): boolean =>
  mode === 0o755 && uid === 0 && gid === 0 && xattrs === undefined;

/** Empty; its owner, mode and time mean nothing and are always the same. */
function marker(name: string): PackedEntry {
  const mtime = { seconds: 0, nanoseconds: 0 };
  return {
    type: "file",
    name,
    linkname: "",
    mode: 0o600,
    uid: 0,
    gid: 0,
    size: 0,
    mtime,
    major: 0,
    minor: 0,
  };
}

/** With these features on, the upper directory holds references to lower files in the place of their content. */
function refuseReference(path: string, xattrs: ReadonlyMap<string, Buffer> | undefined): void {
  for (const feature of ["redirect", "metacopy"]) {
    if (!xattrs?.has(overlayAttribute(feature))) continue;
    throw notPortable(
      path,
      `overlayfs has kept only a reference to it (${feature})`,
      `turn that off (echo N > /sys/module/overlay/parameters/${feature === "redirect" ? "redirect_dir" : feature}), or use \`tsrun export\` and \`tsrun import\``,
    );
  }
}

function notPortable(path: string, reason: string, hint: string): TsrunError {
  const message = `${printable(`/${path}`)} cannot be part of a layer: ${reason}`;
  return new TsrunError("ERR_TSRUN_LAYER_NOT_PORTABLE", message, { hint });
}
