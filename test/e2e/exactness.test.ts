/** An image's files are what its layers say, byte for byte: as umoci unpacks them and podman mounts them. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { layerPath } from "../../src/store/layers.ts";
import { REPOSITORY } from "../support/cli.ts";
import { differences, type Inventory, inventory } from "../support/inventory.ts";
import { tortureLayers } from "../support/torture-image.ts";
import { debianLayers } from "./support/debian-layers.ts";
import { useHost } from "./support/host.ts";
import { busyboxImage } from "./support/images.ts";

const host = useHost({ pull: [] });
const ALPINE = resolve(REPOSITORY, "..", "shared", "images", "alpine-minirootfs-3.20.3-x86_64.tar.gz");
const architecture = process.arch === "arm64" ? "arm64" : "amd64";

const images: Record<string, () => Buffer[]> = {
  alpine: () => (existsSync(ALPINE) ? [readFileSync(ALPINE)] : busyboxImage().layers),
  debian: debianLayers,
  torture: tortureLayers,
};

const run = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], env: environment() });

/** Podman's data and state, and its settings, are the test's own. */
function environment(): NodeJS.ProcessEnv {
  const containers = join(host.directory, "containers.conf");
  if (!existsSync(containers)) writeFileSync(containers, "");
  return { ...process.env, CONTAINERS_CONF: containers };
}

const mounted: string[] = [];
afterEach(() => {
  for (const path of mounted.splice(0)) run("umount", "-l", path);
});

/** The layers as a container has them below its own. */
async function byTsrun(reference: string): Promise<Inventory> {
  await host.output("pull", "-q", reference);
  const { RootFS } = JSON.parse(await host.output("image", "inspect", "-f", "{{json .}}", reference));
  const paths = { root: host.root, run: host.run };
  const layers: string[] = RootFS.Layers.map((diffId: string) => layerPath(paths, diffId)).reverse();
  const [empty, target] = ["empty", "merged"].map((name) => join(host.directory, name)) as [string, string];
  mkdirSync(empty, { recursive: true });
  mkdirSync(target, { recursive: true });
  // A read-only overlay has at least two layers, of which the lowest may be empty.
  run("mount", "-t", "overlay", "-o", `ro,lowerdir=${[...layers, empty].join(":")}`, "overlay", target);
  mounted.push(target);
  return inventory(target);
}

function byUmoci(reference: string): Inventory {
  const [layout, bundle] = ["layout", "bundle"].map((name) => join(host.directory, name)) as [string, string];
  run("rm", "-rf", layout, bundle);
  run("skopeo", "copy", "-q", "--src-tls-verify=false", `docker://${reference}`, `oci:${layout}:it`);
  run("umoci", "unpack", "--image", `${layout}:it`, bundle);
  return inventory(join(bundle, "rootfs"));
}

function byPodman(reference: string): Inventory {
  const [root, state] = ["podman", "podman-run"].map((name) => join(host.directory, name)) as [
    string,
    string,
  ];
  const podman = (...args: string[]) =>
    run("podman", "--root", root, "--runroot", state, "--storage-driver", "overlay", ...args).trim();
  try {
    podman("pull", "-q", "--tls-verify=false", reference);
    const tree = inventory(podman("image", "mount", reference));
    podman("image", "umount", reference);
    return tree;
  } finally {
    // Left mounted on itself, if at all.
    spawnSync("umount", ["-l", join(root, "overlay")]);
  }
}

/** Where the others are not what the layers say, or overlayfs shows more than they say. */
const exceptions = [
  {
    peers: ["umoci"],
    difference: /^"\." mtime: "\d+", not "0"$/,
    why: "an archive without an entry for the root says nothing of its time: ours is that of unpacking, as docker's",
  },
  {
    peers: ["podman"],
    difference: /^"\." (mode: "40755", not "40555"|mtime: )/,
    why: "containers/storage gives the root of every layer the mode 0555 and leaves its time, whatever the layer says",
  },
  {
    peers: ["umoci"],
    difference: /^"\.\/(links\/(a\/one|b\/two)|usr\/bin\/perl5\.[0-9.]+)" links: "[23]", not "[12]"$/,
    why: "a name that an upper layer removes still counts on overlayfs, as for docker and podman: a lower layer has it",
  },
  {
    peers: ["podman"],
    difference: /^"\.\/times\/before" mtime: "-1500000000", not "0"$/,
    why: "containers/storage knows no time before 1970",
  },
  {
    peers: ["podman"],
    difference: /^"\.\/unmentioned" mtime: /,
    why: "it is the time of unpacking",
  },
  {
    peers: ["umoci"],
    difference: /^"\.\/unmentioned" (mode|owner|mtime): /,
    why: "overlayfs shows a directory as the topmost layer has it, also one that only was on the way to something",
  },
];

describe.each(Object.keys(images))("%s", (name) => {
  test("is unpacked as umoci and podman do", async () => {
    const registry = host.registry();
    await registry.pushImage(`exact/${name}`, ["1"], { architecture, layers: images[name]?.() ?? [] });
    const reference = `${registry.host}/exact/${name}:1`;
    const ours = await byTsrun(reference);
    expect(Object.keys(ours).length).toBeGreaterThan(50);
    const unexplained = (peer: string, theirs: Inventory) =>
      differences(ours, theirs).filter(
        (found) =>
          !exceptions.some(({ peers, difference }) => peers.includes(peer) && difference.test(found)),
      );
    expect(unexplained("umoci", byUmoci(reference))).toEqual([]);
    expect(unexplained("podman", byPodman(reference))).toEqual([]);
  });
});
