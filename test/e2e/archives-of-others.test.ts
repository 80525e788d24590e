import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type OtherTools, startOtherTools } from "../support/other-tools.ts";
import { APPS, NAMES, pullApps, pushApps, removeImages } from "./support/apps.ts";
import { useHost } from "./support/host.ts";

const host = useHost({ pull: [] });
const { output, shell } = host;
const file = (name: string): string => join(host.directory, name);
const idOf = (image: string): Promise<string> => output("image", "inspect", "-f", "{{.Id}}", image);
const layersOf = (image: string): Promise<string> =>
  output("image", "inspect", "-f", "{{json .RootFS.Layers}}", image);
const run = (image: string): Promise<string> => output("run", "--rm", "--network", "none", image);
const removeAll = () => removeImages(host);
const pulled = () => pullApps(host);

describe("archives", () => {
  let tools: OtherTools;
  const docker = (...args: string[]) => tools.docker(...args);
  const podman = (...args: string[]) => tools.podman(...args);
  const skopeo = (...args: string[]) => tools.skopeo(...args);
  beforeAll(async () => {
    await pushApps(host);
    tools = await startOtherTools(file("tools"));
  }, 60_000);
  afterAll(() => tools.stop());

  const withinDocker = (image: string) => docker("run", "--rm", "--network", "none", image);
  // No cgroup is better than one outside of the test's.
  const withinPodman = (image: string) =>
    podman("run", "--rm", "--network", "none", "--cgroups", "disabled", image);
  const digestOf = async (image: string): Promise<string> =>
    JSON.parse(await skopeo("inspect", image)).Digest;
  const manifestOf = async (archive: string, name: string): Promise<string> => {
    const { stdout } = await shell(`tar -xOf ${archive} index.json`);
    const manifests = JSON.parse(stdout).manifests as {
      digest: string;
      annotations: Record<string, string>;
    }[];
    return manifests.find(({ annotations }) => Object.values(annotations).includes(name))?.digest as string;
  };

  test("docker load and podman load take what save has written, and run it", async () => {
    const ids = await pulled();
    await output("save", "-o", file("two.tar"), "my/app");
    await docker("load", "-i", file("two.tar"));
    await podman("load", "-q", "-i", file("two.tar"));
    for (const name of NAMES) {
      expect(await docker("image", "inspect", "-f", "{{.Id}}", name)).toBe(ids[name]);
      expect(await withinDocker(name)).toBe(APPS[name]);
      expect(`sha256:${await podman("image", "inspect", "-f", "{{.Id}}", name)}`).toBe(ids[name]);
      expect(await withinPodman(name)).toBe(APPS[name]);
    }
  });

  test("what docker save has written is loaded and runs, with the same ids and layers", async () => {
    const ids = await pulled();
    const layers = await Promise.all(NAMES.map(layersOf));
    await docker("save", "-o", file("docker.tar"), ...NAMES);
    await removeAll();
    const lines = (await output("load", "-i", file("docker.tar"))).split("\n").sort();
    expect(lines).toEqual(NAMES.map((name) => `Loaded image: ${name}`));
    for (const [i, name] of NAMES.entries()) {
      expect(await idOf(name)).toBe(ids[name]);
      expect(await layersOf(name)).toBe(layers[i]);
      expect(await run(name)).toBe(APPS[name]);
    }
    // And back: what was loaded from docker's archive, docker takes again.
    await output("save", "-o", file("again.tar"), ...NAMES);
    await docker("rmi", "-f", ...NAMES);
    await docker("load", "-i", file("again.tar"));
    for (const name of NAMES) expect(await docker("image", "inspect", "-f", "{{.Id}}", name)).toBe(ids[name]);
  });

  test.each([
    ["docker-archive", []],
    ["oci-archive", []],
    ["oci-dir", []],
    ["docker-archive", ["--multi-image-archive"]],
  ])("what podman save --format %s %s has written is loaded and runs", async (format, flags) => {
    await removeAll();
    const names = flags.length > 0 ? NAMES : NAMES.slice(1);
    const path = file(`podman-${format}-${names.length}`);
    await podman("save", "-q", "--format", format, ...flags, "-o", path, ...names);
    await output("load", "-i", path);
    for (const name of names) {
      const image = `localhost/${name}`;
      expect(await run(image)).toBe(APPS[name]);
      const layers = JSON.parse(await podman("image", "inspect", "-f", "{{json .RootFS.Layers}}", image));
      expect(JSON.parse(await layersOf(image))).toEqual(layers);
      // Podman makes an OCI configuration of docker's, another one with the same layers; docker's stays as it is.
      if (format === "docker-archive")
        expect(await idOf(image)).toBe(`sha256:${await podman("image", "inspect", "-f", "{{.Id}}", image)}`);
    }
  });

  test("skopeo reads the archive as docker's and as a layout, and its layouts are loaded", async () => {
    const ids = await pulled();
    await output("save", "-o", file("two.tar"), "my/app");
    const oci = `oci-archive:${file("two.tar")}`;
    expect(await digestOf(`${oci}:1`)).toBe(await manifestOf(file("two.tar"), "docker.io/my/app:1"));
    await skopeo("copy", `${oci}:1`, `oci:${file("layout")}:my/app:1`);
    await skopeo("copy", `docker-archive:${file("two.tar")}:my/app:2`, `oci:${file("layout")}:my/app:2`);
    await skopeo("copy", `${oci}:1`, `docker-archive:${file("skopeo-docker.tar")}:my/app:1`);
    await skopeo("copy", `${oci}:1`, `oci-archive:${file("skopeo-oci.tar")}:my/app:1`);
    for (const source of ["layout", "skopeo-docker.tar", "skopeo-oci.tar"]) {
      await removeAll();
      await output("load", "-i", file(source));
      expect(await idOf("my/app:1")).toBe(ids["my/app:1"]);
      expect(await run("my/app:1")).toBe(APPS["my/app:1"]);
    }
    await removeAll();
    await output("load", "-i", file("layout"));
    expect(await run("my/app:2")).toBe(APPS["my/app:2"]);
    // The manifest that skopeo has written is kept byte for byte.
    await output("save", "-o", file("kept.tar"), "my/app:1");
    expect(await manifestOf(file("kept.tar"), "docker.io/my/app:1")).toBe(
      await digestOf(`oci:${file("layout")}:my/app:1`),
    );
  });

  test("layers that are compressed with zstd", async () => {
    await pulled();
    await output("save", "-o", file("one.tar"), "my/app:1");
    const zstd = ["--dest-compress-format", "zstd", "--dest-decompress=false"];
    await skopeo("copy", ...zstd, `docker-archive:${file("one.tar")}`, `oci:${file("zstd")}:my/app:1`);
    await removeAll();
    await output("load", "-i", file("zstd"));
    expect(await run("my/app:1")).toBe(APPS["my/app:1"]);
    await output("save", "-o", file("zstd.tar"), "my/app:1");
    expect(
      (await shell(`tar -xOf ${file("zstd.tar")} --wildcards 'blobs/sha256/*' | strings`)).stdout,
    ).toContain("layer.v1.tar+zstd");
    await podman("rmi", "--all", "--force");
    await podman("load", "-q", "-i", file("zstd.tar"));
    expect(await withinPodman("my/app:1")).toBe(APPS["my/app:1"]);
  });
});
