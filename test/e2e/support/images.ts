/**
 * The images of the end-to-end tests, under the names that users know them by. Alpine is the real one where
 * ../shared/images holds it; everything else is made of Debian's busybox-static.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { REPOSITORY } from "../../support/cli.ts";
import type { ImageSpec, TestRegistry } from "../../support/registry.ts";
import { gzipLayer, type LayerEntry } from "../../support/tar-layer.ts";

const BUSYBOX = "/bin/busybox";
const ALPINE = resolve(REPOSITORY, "..", "shared", "images", "alpine-minirootfs-3.20.3-x86_64.tar.gz");

/** The release that `alpine` has: 3.20.3, or undefined where it is an image of busybox. */
export const alpineRelease = existsSync(ALPINE) && process.arch === "x64" ? "3.20.3" : undefined;

const ARCHITECTURE = process.arch === "arm64" ? "arm64" : "amd64";
export const OTHER_ARCHITECTURE = ARCHITECTURE === "amd64" ? "arm64" : "amd64";
/** e_machine of elf(5): EM_X86_64, EM_AARCH64. */
const MACHINES = { amd64: 62, arm64: 183 };

const config = { Cmd: ["sh"], Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] };

/** Pushes `alpine`, `busybox` and `busybox-<other architecture>`. */
export async function stock(registry: TestRegistry): Promise<void> {
  const busybox = busyboxImage();
  await registry.pushImage("library/busybox", ["latest", "1"], { ...busybox, format: "docker" });
  if (alpineRelease === undefined) {
    process.stderr.write("e2e: no ../shared/images: `alpine` is an image of Debian's busybox-static\n");
  }
  const alpine =
    alpineRelease === undefined
      ? busyboxImage([{ path: "etc/not-alpine", data: "busybox under another name\n" }]) // an image of its own
      : { ...busybox, layers: [readFileSync(ALPINE)], config: { ...config, Cmd: ["/bin/sh"] } };
  const members = [
    await registry.pushImage("library/alpine", [], alpine),
    await registry.pushImage("library/alpine", [], foreignImage()),
  ];
  await registry.pushIndex("library/alpine", ["latest", "3.20", "3.20.3"], members);
}

/** Debian's busybox with its applets as hard links and a few users; `more` goes on top, as a layer of its own. */
export function busyboxImage(more: readonly LayerEntry[] = [], settings: object = {}): ImageSpec {
  return {
    architecture: ARCHITECTURE,
    layers: [busyboxLayer(), ...(more.length > 0 ? [gzipLayer(more)] : [])],
    config: { ...config, ...settings },
  };
}

/** The same image for a processor that this machine does not have: the one field that differs is the ELF machine. */
export function foreignImage(): ImageSpec {
  const binary = Buffer.from(readFileSync(BUSYBOX));
  binary.writeUInt16LE(MACHINES[OTHER_ARCHITECTURE], 18);
  return { architecture: OTHER_ARCHITECTURE, layers: [gzipLayer(rootfs(binary))], config };
}

let layer: Buffer | undefined;
const busyboxLayer = (): Buffer => (layer ??= gzipLayer(rootfs(readFileSync(BUSYBOX))));

function rootfs(binary: Buffer): LayerEntry[] {
  const applets = execFileSync(BUSYBOX, ["--list"], { encoding: "utf8" }).trim().split("\n");
  return [
    ...["bin", "dev", "etc", "home", "proc", "root", "sys", "usr", "var", "www"].map((name) => ({
      path: `${name}/`,
    })),
    { path: "tmp/", mode: 0o1777 },
    { path: "bin/busybox", data: binary, mode: 0o755 },
    ...applets
      .filter((applet) => applet !== "busybox")
      .map((applet) => ({ path: `bin/${applet}`, type: "Link" as const, linkpath: "bin/busybox" })),
    { path: "etc/passwd", data: "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home:/bin/sh\n" },
    { path: "etc/group", data: "root:x:0:\napp:x:1000:\nwheel:x:10:app\nvideo:x:44:\n" },
    { path: "www/index.html", data: "it works\n" },
  ];
}

/** A program of this host that needs its dynamic loader, with nothing else. */
export const dynamicProgram = (): Buffer => readFileSync(join("/usr/bin", "env"));
