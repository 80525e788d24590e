#!/usr/bin/env node
/**
 * Builds the embedded image `tsrun/base` into rootfs-cache/build/, as an OCI image layout (image-spec image-layout.md):
 * Debian's static busybox, its applets as symbolic links, and the few files that a root filesystem is expected to
 * have. Needs no root and no network. The same busybox gives the same bytes: times are those of its binary.
 *
 *     node rootfs-cache/build.mjs [--busybox /bin/busybox] [--output DIR]
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { Header } from "tar";

const here = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({
  options: {
    busybox: { type: "string", default: "/bin/busybox" },
    output: { type: "string", default: join(here, "build") },
  },
});
const ARCHITECTURES = { 62: "amd64", 183: "arm64", 40: "arm", 243: "riscv64", 21: "ppc64le", 3: "386" };
const PT_INTERP = 3;
const COPYRIGHT = "/usr/share/doc/busybox-static/copyright";

const busybox = readBusybox(values.busybox);
const files = {
  "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
  "etc/group": "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
  "etc/shells": "/bin/sh\n/bin/ash\n",
  "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
  "etc/os-release":
    'NAME="tsrun base"\nID=tsrun-base\nPRETTY_NAME="tsrun base (busybox)"\nHOME_URL="https://busybox.net/"\n',
  "etc/profile": "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
};
const layer = tarball();
const compressed = gzipSync(layer, { level: 9 });
writeLayout();

function readBusybox(path) {
  if (!existsSync(path)) fail(`${path} is missing`);
  const bytes = readFileSync(path);
  if (bytes.toString("latin1", 0, 4) !== "\x7fELF") fail(`${path} is not a program`);
  const architecture = ARCHITECTURES[bytes.readUInt16LE(18)];
  if (architecture === undefined) fail(`${path} is for a machine that this recipe does not know`);
  if (programHeaderTypes(bytes).includes(PT_INTERP))
    fail(`${path} is linked dynamically: nothing else is in the image`);
  const applets = execFileSync(path, ["--list-full"], { encoding: "utf8" }).split("\n").filter(Boolean);
  return { bytes, architecture, applets, mtime: new Date(Math.floor(statSync(path).mtimeMs / 1000) * 1000) };
}

/** elf(5): e_phoff, e_phentsize and e_phnum of a 64-bit or 32-bit little-endian file, and each p_type. */
function programHeaderTypes(elf) {
  const is64 = elf[4] === 2;
  const offset = is64 ? Number(elf.readBigUInt64LE(32)) : elf.readUInt32LE(28);
  const [size, count] = [elf.readUInt16LE(is64 ? 54 : 42), elf.readUInt16LE(is64 ? 56 : 44)];
  return Array.from({ length: count }, (_, i) => elf.readUInt32LE(offset + i * size));
}

function tarball() {
  const blocks = [];
  const add = (path, type, { mode = 0o755, data = Buffer.alloc(0), linkpath = "" } = {}) => {
    const header = Buffer.alloc(512);
    new Header({
      path,
      type,
      mode,
      uid: 0,
      gid: 0,
      size: data.length,
      mtime: busybox.mtime,
      linkpath,
    }).encode(header, 0);
    blocks.push(header, data, Buffer.alloc((512 - (data.length % 512)) % 512));
  };
  const applets = busybox.applets.filter((path) => path !== "bin/busybox" && path !== "linuxrc").sort();
  if (existsSync(COPYRIGHT)) files[COPYRIGHT.slice(1)] = readFileSync(COPYRIGHT);
  const directories = new Set(
    "bin dev etc home mnt opt proc root run sbin srv sys tmp usr var var/tmp".split(" "),
  );
  for (const path of [...applets, ...Object.keys(files)]) {
    for (let parent = dirname(path); parent !== "."; parent = dirname(parent)) directories.add(parent);
  }
  const modes = { root: 0o700, tmp: 0o1777, "var/tmp": 0o1777 };
  for (const path of [...directories].sort()) add(`${path}/`, "Directory", { mode: modes[path] ?? 0o755 });
  add("bin/busybox", "File", { data: busybox.bytes });
  for (const path of applets) add(path, "SymbolicLink", { mode: 0o777, linkpath: "/bin/busybox" });
  for (const [path, text] of Object.entries(files))
    add(path, "File", { mode: 0o644, data: Buffer.from(text) });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

function writeLayout() {
  const staging = `${values.output}.${process.pid}.tmp`;
  mkdirSync(join(staging, "blobs", "sha256"), { recursive: true });
  const blob = (mediaType, bytes) => {
    const digest = digestOf(bytes);
    writeFileSync(join(staging, "blobs", "sha256", digest.slice(7)), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const json = (mediaType, doc) => blob(mediaType, Buffer.from(JSON.stringify(doc)));
  const created = busybox.mtime.toISOString().replace(".000Z", "Z");
  const config = json("application/vnd.oci.image.config.v1+json", {
    created,
    architecture: busybox.architecture,
    os: "linux",
    config: {
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      Cmd: ["sh"],
    },
    rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
    history: [{ created, created_by: "rootfs-cache/build.mjs # Debian's busybox-static" }],
  });
  const manifest = json("application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config,
    layers: [blob("application/vnd.oci.image.layer.v1.tar+gzip", compressed)],
  });
  const platform = { architecture: busybox.architecture, os: "linux" };
  const annotations = { "org.opencontainers.image.ref.name": "docker.io/tsrun/base:latest" };
  writeFileSync(join(staging, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const index = { schemaVersion: 2, manifests: [{ ...manifest, platform, annotations }] };
  writeFileSync(join(staging, "index.json"), JSON.stringify(index));
  rmSync(values.output, { recursive: true, force: true });
  renameSync(staging, values.output);
  console.log(
    `tsrun/base ${manifest.digest} (${busybox.architecture}, ${compressed.length} bytes) in ${values.output}`,
  );
}

function digestOf(bytes) {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function fail(message) {
  console.error(`build.mjs: ${message}; install Debian's package busybox-static`);
  process.exit(1);
}
