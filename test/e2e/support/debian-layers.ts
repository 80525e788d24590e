/** A Debian of four layers: debootstrap's, and three that do to it what builds do, deletions and opaque directories. */
import { gzipSync } from "node:zlib";
import { type TarFields, tar } from "../../unit/store/tar-builder.ts";
import { debianLayer } from "./debian.ts";

const MTIME = 1_650_000_000;
const directory = (name: string, mode = 0o755): TarFields => ({ name, type: "5", mode, mtime: MTIME });
const file = (name: string, data = ""): TarFields => ({ name, data, mtime: MTIME });

/** Builds describe all directories on the way to what they change. */
const way = (...names: string[]): TarFields[] => [
  directory("./"),
  ...names.map((name) => directory(`${name}/`)),
];

/** As after `apt-get clean` and the like. */
const deletions = [
  ...way("etc", "usr", "usr/bin", "usr/share", "var", "var/cache"),
  file("usr/share/.wh.doc"),
  file("usr/share/.wh.man"),
  file("usr/bin/.wh.perl"),
  file("var/cache/.wh.debconf"),
  file("etc/.wh.motd"),
];

/** Directories replaced as a whole. */
const replacements = [
  ...way("etc", "etc/apt", "usr", "usr/share"),
  file("etc/apt/.wh..wh..opq"),
  file("etc/apt/sources.list", "deb http://deb.debian.org/debian bookworm main\n"),
  directory("usr/share/zoneinfo/", 0o711),
  file("usr/share/zoneinfo/.wh..wh..opq"),
];

/** What was deleted is there again, in another form. */
const additions = [
  ...way("usr", "usr/bin", "usr/share"),
  directory("usr/share/doc/", 0o700),
  file("usr/share/doc/README", "of another layer\n"),
  { name: "usr/share/man", type: "2", linkname: "doc", mode: 0o777, mtime: MTIME },
  { name: "usr/bin/pearl", type: "2", linkname: "/usr/bin/true", mode: 0o777, mtime: MTIME },
  { ...file("usr/bin/hello", "#!/bin/sh\necho hello\n"), mode: 0o4755, uid: 33, gid: 33 },
];

/** Gzipped layers, lowest first. */
export function debianLayers(): Buffer[] {
  const upper = [deletions, replacements, additions].map((entries) => gzipSync(tar(...entries)));
  return [debianLayer("redis-server"), ...upper];
}
