/** An image with one of everything that layers may hold, in the ways that they may hold it, and that layers may do. */
import { gzipSync } from "node:zlib";
import { type TarFields, tar } from "../unit/store/tar-builder.ts";

const MTIME = 1_600_000_000;
const directory = (name: string, more: Partial<TarFields> = {}): TarFields => ({
  name,
  type: "5",
  mode: 0o755,
  mtime: MTIME,
  ...more,
});
const file = (name: string | Buffer, more: Partial<TarFields> = {}): TarFields => ({
  name,
  data: `content of ${name}\n`,
  mtime: MTIME,
  ...more,
});
/** Packers give a hard link's header what they know of the file, and readers differ on what they make of it. */
const link = (name: string, linkname: string, more: Partial<TarFields> = {}): TarFields => ({
  name,
  type: "1",
  linkname,
  mtime: MTIME,
  ...more,
});
const symlink = (name: string, linkname: string, more: Partial<TarFields> = {}): TarFields => ({
  name,
  type: "2",
  linkname,
  mode: 0o777,
  mtime: MTIME,
  ...more,
});
const whiteout = (name: string): TarFields => ({ name, mtime: MTIME });

/** cap_net_raw=ep, as the kernel stores it (<linux/capability.h>, vfs_cap_data). */
const NET_RAW = Buffer.from("0100000200200000000000000000000000000000", "hex");

const files: TarFields[] = [
  directory("./"),
  directory("modes/", { mode: 0o711 }),
  ...[0, 0o001, 0o400, 0o644, 0o1644, 0o2755, 0o4755, 0o6711, 0o7777].map((mode) =>
    file(`modes/${mode.toString(8).padStart(4, "0")}`, { mode }),
  ),
  ...[0o000, 0o1777, 0o2775, 0o3770].map((mode) => directory(`modes/d${mode.toString(8)}/`, { mode })),
  directory("owners/", { uid: 12, gid: 34 }),
  file("owners/small", { uid: 1, gid: 2 }),
  file("owners/large", { pax: { uid: "3000000000", gid: "2097152" } }),
  file("owners/setuid", { uid: 1000, gid: 1001, mode: 0o6755 }),
  symlink("owners/link", "small", { uid: 77, gid: 88 }),
  directory("times/", { mtime: 1 }),
  file("times/epoch", { mtime: 0 }),
  file("times/nanoseconds", { pax: { mtime: "1700000000.123456789", atime: "1600000001.000000007" } }),
  file("times/before", { pax: { mtime: "-1.5" } }),
  file("times/2106", { pax: { mtime: "4294967296.5" } }),
  symlink("times/link", "epoch", { pax: { mtime: "1500000000.987654321" } }),
  directory("times/directory/", { pax: { mtime: "1400000000.111111111" } }),
  file("times/directory/filled-later"),
  directory("names/"),
  file("names/with space and trailing "),
  file("names/new\nline\ttab\\backslash"),
  file(Buffer.concat([Buffer.from("names/latin1-"), Buffer.from([0xe9, 0xff, 0xfe])])),
  file("names/\u00fcml\u00e4ut-\u{1f600}"),
  file("names/.hidden"),
  file("names/..dots"),
  file("names/wh.no-whiteout"),
  directory("names/prefix/"),
  file("in-prefix", { prefix: "names/prefix" }),
  file("short", { pax: { path: `names/${"n".repeat(255)}` } }),
  ...Array.from({ length: 40 }, (_, depth) =>
    directory("short", { pax: { path: `names/${"deep/".repeat(depth + 1)}` } }),
  ),
  file("short", { pax: { path: `names/${"deep/".repeat(40)}bottom` } }),
  symlink("names/long-target", "short", { pax: { linkpath: "t".repeat(1000) } }),
  symlink("names/target-of-bytes", "\xe4", {
    patch: (header) => Buffer.from([0xff, 0xfe]).copy(header, 157),
  }),
  directory("links/"),
  directory("links/a/"),
  directory("links/b/"),
  file("links/a/one", { mode: 0o640, uid: 5 }),
  link("links/b/two", "links/a/one", { mode: 0o640, uid: 5 }),
  link("links/three", "./links/b/two", { mode: 0o640, uid: 5 }),
  file("links/empty", { data: "" }),
  link("links/b/empty", "links/empty"),
  symlink("links/absolute", "/links/a/one"),
  symlink("links/dangling", "../nowhere"),
  symlink("links/loop", "loop"),
  symlink("links/root", "/"),
  link("links/b/of-a-link", "links/dangling"),
  directory("nodes/"),
  { name: "nodes/null", type: "3", mode: 0o666, major: 1, minor: 3, mtime: MTIME },
  { name: "nodes/disk", type: "4", mode: 0o660, uid: 0, gid: 6, major: 259, minor: 300, mtime: MTIME },
  { name: "nodes/gnu", type: "3", mode: 0o600, major: 10, minor: 229, mtime: MTIME, format: "gnu" },
  { name: "nodes/fifo", type: "6", mode: 0o4622, uid: 3, gid: 4, mtime: MTIME },
  link("nodes/null-too", "nodes/null", { mode: 0o666 }),
  directory("attributes/", { pax: { "SCHILY.xattr.user.directory": "yes" } }),
  file("attributes/user", { pax: { "SCHILY.xattr.user.note": Buffer.from([10, 61, 255, 32]) } }),
  file("attributes/several", { pax: { "SCHILY.xattr.user.b": "2", "SCHILY.xattr.user.a": "1" } }),
  file("attributes/capability", { mode: 0o755, pax: { "SCHILY.xattr.security.capability": NET_RAW } }),
  file("attributes/capability-of-another", {
    mode: 0o4755,
    uid: 9,
    pax: { "SCHILY.xattr.security.capability": NET_RAW },
  }),
  file("attributes/trusted", { pax: { "SCHILY.xattr.trusted.note": "kept" } }),
  directory("sparse/"),
  {
    name: "sparse/pax",
    mtime: MTIME,
    data: "beginend",
    pax: [
      ["GNU.sparse.size", "9000000"],
      ["GNU.sparse.numblocks", "3"],
      ["GNU.sparse.offset", "0"],
      ["GNU.sparse.numbytes", "5"],
      ["GNU.sparse.offset", "8000000"],
      ["GNU.sparse.numbytes", "3"],
      ["GNU.sparse.offset", "9000000"],
      ["GNU.sparse.numbytes", "0"],
    ],
  },
  directory("sizes/"),
  ...[0, 1, 511, 512, 513, 131_072, 1_000_003].map((size) =>
    file(`sizes/${size}`, { data: Buffer.alloc(size, `${size} `) }),
  ),
];

/** What the upper layers change. */
const below: TarFields[] = [
  directory("change/"),
  file("change/file-to-directory"),
  directory("change/directory-to-file/"),
  file("change/directory-to-file/gone"),
  symlink("change/link-to-directory", "/etc"),
  directory("change/directory-to-link/"),
  file("change/directory-to-link/gone"),
  file("change/there-and-back"),
  file("change/removed"),
  file("change/removed-and-new"),
  directory("change/removed-directory/"),
  file("change/removed-directory/gone"),
  directory("change/opaque/", { mode: 0o750 }),
  file("change/opaque/gone"),
  directory("change/opaque/inner/"),
  file("change/opaque/inner/gone"),
  directory("change/merged/", { mode: 0o700 }),
  file("change/merged/kept"),
  directory("change/new-directory/"),
  file("change/new-directory/gone"),
  file("change/mode-only", { mode: 0o600 }),
  directory("unmentioned/", { mode: 0o750, uid: 8, gid: 9 }),
  file("unmentioned/kept"),
];

/** Builds describe all directories on the way to what they change; not so `unmentioned` below. */
const second: TarFields[] = [
  directory("./", { mtime: MTIME + 1 }),
  directory("change/", { mtime: MTIME + 1 }),
  directory("change/file-to-directory/", { mode: 0o711 }),
  file("change/file-to-directory/new"),
  file("change/directory-to-file", { data: "a file now" }),
  directory("change/link-to-directory/"),
  file("change/link-to-directory/new"),
  symlink("change/directory-to-link", "merged"),
  directory("change/there-and-back/"),
  file("change/there-and-back/inside"),
  whiteout("change/.wh.removed"),
  whiteout("change/.wh.removed-and-new"),
  whiteout("change/.wh.removed-directory"),
  directory("change/opaque/", { mode: 0o751, mtime: MTIME + 5 }),
  whiteout("change/opaque/.wh..wh..opq"),
  file("change/opaque/new"),
  directory("change/opaque/inner/", { mode: 0o701 }),
  directory("change/merged/", { mode: 0o705, uid: 4, mtime: MTIME + 9 }),
  file("change/merged/added"),
  whiteout("change/.wh.new-directory"),
  file("change/mode-only", { mode: 0o4711, data: "content of change/mode-only\n" }),
];

const third: TarFields[] = [
  directory("./", { mtime: MTIME + 2 }),
  directory("change/", { mtime: MTIME + 2 }),
  directory("change/opaque/", { mode: 0o757, mtime: MTIME + 6 }),
  directory("change/merged/", { mode: 0o705, uid: 4, mtime: MTIME + 10 }),
  whiteout("change/.wh.there-and-back"),
  file("change/removed-and-new", { data: "new" }),
  directory("change/new-directory/", { mode: 0o500 }),
  file("change/new-directory/new"),
  file("change/opaque/gone", { data: "back, and another" }),
  file("change/merged/kept", { data: "replaced", uid: 6 }),
  link("change/merged/linked", "change/merged/kept", { uid: 6 }),
];

const fourth: TarFields[] = [
  directory("./", { mtime: MTIME + 3 }),
  directory("change/", { mtime: MTIME + 3 }),
  file("change/there-and-back", { data: "back" }),
  directory("links/", { mtime: MTIME + 3 }),
  whiteout("links/.wh.three"),
  directory("at-last/", { mode: 0o555 }),
  file("unmentioned/new"),
];

/** Gzipped layers, lowest first. */
export function tortureLayers(): Buffer[] {
  return [[...files, ...below], second, third, fourth].map((entries) => gzipSync(tar(...entries)));
}
