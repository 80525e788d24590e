/** `system check` finds damage and mends it, and leaves alone what is in use. */
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { useHost } from "./support/host.ts";
import { busyboxImage } from "./support/images.ts";

const host = useHost({ pull: [] });
const { output, tsrun } = host;
const CREATE = ["create", "--network", "none"];

beforeAll(async () => {
  const image = busyboxImage([{ path: "www/one", data: Buffer.alloc(100_000, "one") }]);
  await host.registry().pushImage("library/one", ["latest"], image);
});

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
});

describe("system check", () => {
  const layerOf = async (image: string, at: number): Promise<string> => {
    const layers = JSON.parse(await output("image", "inspect", "-f", "{{json .RootFS.Layers}}", image));
    return join(host.root, "layers", layers[at].slice("sha256:".length, "sha256:".length + 32));
  };
  const blobs = (): string => join(host.root, "blobs", "sha256");
  const blobOf = (layer: string): string =>
    join(blobs(), JSON.parse(readFileSync(`${layer}.json`, "utf8")).digest.slice("sha256:".length));
  /** Changes a byte in the middle. */
  const damage = (file: string): void => {
    const fd = openSync(file, "r+");
    writeSync(fd, "#", 600);
    closeSync(fd);
  };
  const sound = async (): Promise<void> => {
    expect(await tsrun("system", "check")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("Everything is as it should be"),
    });
    expect(
      await output("run", "--rm", "--network", "none", "--pull", "never", "one", "cat", "/www/index.html"),
    ).toBe("it works");
  };

  test.each<[string, () => Promise<void>, RegExp]>([
    [
      "a layer's file",
      async () => chmodSync(join(await layerOf("one", 0), "www/index.html"), 0o600),
      /differs from its blob in one file\n {4}"\/www\/index.html" has the mode 0600, not 0644/,
    ],
    [
      "a layer's content",
      async () => appendFileSync(join(await layerOf("one", 1), "www/one"), "x"),
      /differs from its blob/,
    ],
    [
      "a file of a layer that is gone",
      async () => unlinkSync(join(await layerOf("one", 0), "bin/ls")),
      /"\/bin\/ls" is missing/,
    ],
    [
      "a layer that is gone",
      async () => rmSync(await layerOf("one", 0), { recursive: true }),
      /layer sha256:\w+ of .*one:latest.* is missing/,
    ],
    [
      "a layer's document",
      async () => writeFileSync(`${await layerOf("one", 1)}.json`, ""),
      /layer sha256:\w+ of one:latest is missing/,
    ],
    [
      "a blob",
      async () => damage(blobOf(await layerOf("one", 0))),
      /blob sha256:\w+ of layer .* is damaged: its content has the digest sha256:/,
    ],
    [
      "a blob that is gone",
      async () => rmSync(blobOf(await layerOf("one", 1))),
      /blob sha256:\w+ of layer .* of one:latest is missing/,
    ],
    [
      "layer and blob",
      async () => {
        const layer = await layerOf("one", 1);
        rmSync(blobOf(layer));
        rmSync(layer, { recursive: true });
      },
      /is missing/,
    ],
    [
      "a configuration",
      async () => damageDocument("config"),
      /the configuration of image one:latest \(sha256:\w+\) is damaged/,
    ],
    [
      "a manifest that is gone",
      async () => rmSync(documentOf("manifest")),
      /the manifest of image one:latest \(sha256:\w+\) is missing/,
    ],
  ])("finds and mends %s", async (_, harm, words) => {
    await output("pull", "-q", "one");
    await harm();
    const found = await tsrun("system", "check");
    expect(found.code).toBe(1);
    expect(found.stdout).toMatch(words);
    expect(found.stdout).toContain("tsrun system check --repair mends what can be mended");
    const repaired = await tsrun("system", "check", "--repair");
    expect(repaired.stdout).toMatch(/ {4}repaired: (unpacked|fetched) again/);
    expect(repaired).toMatchObject({ code: 0, stdout: expect.stringContaining("all repaired") });
    await sound();
  });

  const documentOf = (role: "manifest" | "config"): string => {
    const { names } = JSON.parse(readFileSync(join(host.root, "images.json"), "utf8"));
    return join(blobs(), names["docker.io/library/one:latest"][role].slice("sha256:".length));
  };
  const damageDocument = (role: "manifest" | "config"): void => writeFileSync(documentOf(role), "{}");

  test("leaves a layer alone that a running container is mounted on, and says so", async () => {
    await output("pull", "-q", "one");
    await output("run", "-d", "--network", "none", "--name", "user", "one", "sleep", "1000");
    chmodSync(join(await layerOf("one", 0), "www/index.html"), 0o600);
    const refused = await tsrun("system", "check", "--repair");
    expect(refused.code).toBe(1);
    expect(refused.stdout).toContain("not repaired: container user runs on it; stop it (tsrun stop user)");
    expect(await output("exec", "user", "echo", "alive")).toBe("alive");
    await output("stop", "-t", "0", "user");
    expect((await tsrun("system", "check", "--repair")).code).toBe(0);
    await output("start", "user");
    expect(await output("exec", "user", "stat", "-c", "%a", "/www/index.html")).toBe("644");
  });

  test("cannot mend what was made here, and keeps container and image", async () => {
    await output("run", "--network", "none", "--name", "maker", "one", "sh", "-c", "echo made > /made");
    await output("commit", "maker", "made:here");
    const layer = await layerOf("made:here", 2);
    rmSync(blobOf(layer));
    const { code, stdout } = await tsrun("system", "check", "--repair");
    expect(code).toBe(1);
    expect(stdout).toMatch(/blob sha256:\w+ of layer .* of made:here is missing\n {4}not repaired: /);
    expect(await output("run", "--rm", "--network", "none", "made:here", "cat", "/made")).toBe("made");
    await output("rm", "maker");
    await output("rmi", "made:here");
    await sound();
  });

  test("what killed commands have left is told from what is wrong, and removed", async () => {
    await output("pull", "-q", "one");
    mkdirSync(join(host.root, "tmp", "work-dead"));
    writeFileSync(join(host.root, "tmp", "work-dead", "blob"), Buffer.alloc(100_000));
    mkdirSync(join(host.root, "layers", "0".repeat(32)));
    writeFileSync(join(blobs(), `${"0".repeat(64)}.pending`), "half");
    const { code, stdout } = await tsrun("system", "check");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /No image and no container needs 11\dkB, which does no harm \(tsrun image prune removes it\):/,
    );
    const json = JSON.parse(await output("system", "check", "--repair", "--format", "json"));
    expect(json).toMatchObject({ findings: [], leftovers: [], checked: { images: 1 } });
    expect(json.reclaimed).toBeGreaterThan(100_000);
    expect(existsSync(join(host.root, "tmp", "work-dead"))).toBe(false);
    await sound();
  });

  test("makes images.json anew", async () => {
    await output(...CREATE, "--name", "rememberer", "one", "true");
    writeFileSync(join(host.root, "images.json"), "{ half");
    expect((await tsrun("images")).code).toBe(1);
    const { code, stdout } = await tsrun("system", "check", "--repair");
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("made anew with the 1 images"),
    });
    expect(await output("images", "--format", "{{.Repository}}:{{.Tag}}")).toBe("one:latest");
    expect(readdirSync(host.root).some((name) => name.startsWith("images.json.damaged-"))).toBe(true);
    await sound();
  });
});
