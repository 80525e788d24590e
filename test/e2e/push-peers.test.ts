/** Images that tsrun has pushed are pulled and run by docker and podman, and theirs by tsrun. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type OtherTools, startOtherTools } from "../support/other-tools.ts";
import { gzipLayer, zstdLayer } from "../support/tar-layer.ts";
import { useHost } from "./support/host.ts";
import { busyboxImage } from "./support/images.ts";

const host = useHost({ pull: [] });
const { output } = host;
const SCRIPT = ["sh", "-c", "cat /www/text; ls /www"];
const NO_TLS = "--tls-verify=false";
const PRINTED = "second\nindex.html\ntext";
let peers: OtherTools;
let name: string;

beforeAll(async () => {
  const { registry } = host;
  peers = await startOtherTools(join(host.directory, "tools"));
  name = `${registry().host}/made/app`;
  for (const [tag, format, last] of [
    ["oci", "oci", gzipLayer],
    ["docker", "docker", gzipLayer],
    ["zstd", "oci", zstdLayer],
  ] as const) {
    const image = busyboxImage([{ path: "www/text", data: "first\n" }, { path: "www/gone" }]);
    // Of each image its own: a layer that a registry or podman has seen in one compression may be taken for another.
    const own = { path: "tmp/own", data: tag };
    image.layers.push(last([own, { path: "www/text", data: "second\n" }, { path: "www/.wh.gone" }]));
    await registry().pushImage("made/app", [tag], { ...image, format });
    await output("pull", "-q", `${name}:${tag}`);
    await output("tag", `${name}:${tag}`, `${registry().host}/by-tsrun/app:${tag}`);
    await output("push", "-q", `${registry().host}/by-tsrun/app:${tag}`);
  }
});
afterAll(() => peers.stop());

describe("pushed by tsrun", () => {
  test.each(["oci", "docker"])("an %s image runs with docker", async (tag) => {
    const reference = `${host.registry().host}/by-tsrun/app:${tag}`;
    await peers.docker("pull", "--quiet", reference);
    expect(await peers.docker("run", "--rm", "--network", "none", reference, ...SCRIPT)).toBe(PRINTED);
  });

  test.each(["oci", "docker", "zstd"])("an %s image runs with podman", async (tag) => {
    const reference = `${host.registry().host}/by-tsrun/app:${tag}`;
    await peers.podman("pull", "--quiet", NO_TLS, reference);
    expect(
      await peers.podman(
        ...["run", "--rm", "--network", "none", "--cgroups", "disabled"],
        ...[reference, ...SCRIPT],
      ),
    ).toBe(PRINTED);
  });

  test("an image of a container runs with docker", async () => {
    const reference = `${host.registry().host}/by-tsrun/committed:1`;
    await output(
      "run",
      "--name",
      "changed",
      "--network",
      "none",
      `${name}:oci`,
      "sh",
      "-c",
      "echo third > /www/text; rm /www/index.html",
    );
    await output("commit", "changed", reference);
    await output("rm", "changed");
    await output("push", "-q", reference);
    await peers.docker("pull", "--quiet", reference);
    expect(await peers.docker("run", "--rm", "--network", "none", reference, ...SCRIPT)).toBe("third\ntext");
  });
});

/** Takes away what tsrun has of the image, pulls and runs it. */
async function runsHere(reference: string): Promise<void> {
  await output("rmi", "-f", reference);
  await output("pull", "-q", reference);
  expect(await output("run", "--rm", "--network", "none", reference, ...SCRIPT)).toBe(PRINTED);
}

async function mediaTypes(repository: string, tag: string): Promise<string[]> {
  const types = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
  ];
  const answer = await fetch(`${host.registry().url}/v2/${repository}/manifests/${tag}`, {
    headers: { Accept: types.join(", ") },
  });
  const manifest = (await answer.json()) as { mediaType?: string; layers: { mediaType: string }[] };
  return [answer.headers.get("content-type") ?? "", ...manifest.layers.map((layer) => layer.mediaType)];
}

describe("runs with tsrun", () => {
  test("an image that docker has made of a container and pushed: schema 2, several layers", async () => {
    const reference = `${host.registry().host}/by-docker/app:1`;
    await peers.docker("pull", "--quiet", `${name}:docker`);
    await peers.docker(
      "run",
      "--name",
      "changed",
      "--network",
      "none",
      `${name}:docker`,
      "sh",
      "-c",
      "echo x > /tmp/x",
    );
    await peers.docker("commit", "changed", reference);
    await peers.docker("rm", "changed");
    await peers.docker("push", "--quiet", reference);
    const [manifest, ...layers] = await mediaTypes("by-docker/app", "1");
    expect(manifest).toBe("application/vnd.docker.distribution.manifest.v2+json");
    expect(layers).toHaveLength(4);
    await runsHere(reference);
  });

  test.each([
    ["oci", ["--format", "oci"], /oci\.image\.layer\.v1\.tar\+gzip$/],
    ["v2s2", ["--format", "v2s2"], /docker\.image\.rootfs\.diff\.tar\.gzip$/],
    ["zstd", ["--format", "oci", "--compression-format", "zstd"], /oci\.image\.layer\.v1\.tar\+zstd$/],
  ])("one that podman has pushed as %s", async (tag, flags, layerType) => {
    const reference = `${host.registry().host}/by-podman/${tag}:1`;
    await peers.podman("pull", "--quiet", NO_TLS, `${name}:oci`);
    // A layer of its own, which no registry has in any compression yet.
    await peers.podman(
      ...["run", "--name", tag, "--network", "none", "--cgroups", "disabled", `${name}:oci`],
      ...["sh", "-c", `echo ${tag} > /tmp/x`],
    );
    await peers.podman("commit", "--quiet", tag, reference);
    await peers.podman("rm", tag);
    await peers.podman("push", "--quiet", NO_TLS, ...flags, reference);
    const [, ...layers] = await mediaTypes(`by-podman/${tag}`, "1");
    expect(layers.at(-1)).toMatch(layerType);
    await runsHere(reference);
  });

  test("one that buildah has built and pushed with zstd", async () => {
    const reference = `${host.registry().host}/by-buildah/app:1`;
    const container = await peers.buildah("from", "--quiet", NO_TLS, `${name}:oci`);
    await peers.buildah("copy", "--quiet", container, "/etc/hostname", "/tmp/hostname");
    await peers.buildah("config", "--cmd", "true", container);
    await peers.buildah("commit", "--quiet", "--rm", container, reference);
    await peers.buildah(
      "push",
      "--quiet",
      NO_TLS,
      "--compression-format",
      "zstd",
      reference,
      `docker://${reference}`,
    );
    expect((await mediaTypes("by-buildah/app", "1")).at(-1)).toMatch(/tar\+zstd$/);
    await runsHere(reference);
  });
});
