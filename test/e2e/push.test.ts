/** `tsrun push` and `tsrun tag`: into a registry that is open, one that wants a user, and one with a private authority. */
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startRegistry, type TestRegistry } from "../support/registry.ts";
import { zstdLayer } from "../support/tar-layer.ts";
import { startTlsRegistry, type TlsRegistry } from "../support/tls-registry.ts";
import { useHost } from "./support/host.ts";
import { busyboxImage } from "./support/images.ts";

const host = useHost({ pull: [] });
const { output, tsrun } = host;
const account = { user: "ann", password: "of green gables" };

interface Place {
  /** Of the references. */
  registry: string;
  /** What skopeo needs to be told. */
  skopeo: string[];
  env: Record<string, string>;
}

let open: TestRegistry;
let guarded: TestRegistry;
let behindTls: TestRegistry;
let readOnly: TestRegistry;
let tls: TlsRegistry;
let image: string;
let digest: string;

beforeAll(async () => {
  // A part of the storage section, which comes right before.
  const maintenance = "  maintenance:\n    readonly:\n      enabled: true\n";
  [open, guarded, behindTls, readOnly] = await Promise.all([
    startRegistry(),
    startRegistry(account),
    startRegistry(),
    startRegistry(undefined, maintenance),
  ]);
  tls = await startTlsRegistry(behindTls.url, host.directory);
  const certificates = join(host.directory, "certs.d", tls.host);
  mkdirSync(certificates, { recursive: true });
  copyFileSync(tls.certificate, join(certificates, "ca.crt"));
  host.configure({
    "registry-mirrors": [host.registry().url],
    "certs-dir": join(host.directory, "certs.d"),
    proxies: { "https-proxy": tls.proxyUrl, "no-proxy": "127.0.0.1" },
  });
  mkdirSync(join(host.directory, ".docker"));
  const auth = Buffer.from(`${account.user}:${account.password}`).toString("base64");
  const auths = { [guarded.host]: { auth } };
  writeFileSync(join(host.directory, ".docker", "config.json"), JSON.stringify({ auths }));

  const spec = busyboxImage([{ path: "www/one", data: "one\n" }]);
  spec.layers.push(zstdLayer([{ path: "www/.wh.one" }, { path: "www/two", data: "two\n" }]));
  digest = (await host.registry().pushImage("team/app", ["v1"], spec)).digest;
  image = `${host.registry().host}/team/app:v1`;
  await output("pull", "-q", image);
});

afterAll(async () => {
  await tls.stop();
  await Promise.all([open, guarded, behindTls, readOnly].map((registry) => registry.stop()));
});

const places: [string, () => Place][] = [
  ["an open registry", () => ({ registry: open.host, skopeo: ["--tls-verify=false"], env: {} })],
  [
    "one with htpasswd",
    () => ({
      registry: guarded.host,
      skopeo: ["--tls-verify=false", "--creds", `${account.user}:${account.password}`],
      env: {},
    }),
  ],
  [
    "one with TLS of a private authority",
    () => ({
      registry: tls.host,
      skopeo: ["--cert-dir", join(host.directory, "certs.d", tls.host)],
      env: { HTTPS_PROXY: tls.proxyUrl },
    }),
  ],
];

interface Inspected {
  Digest: string;
  Layers: string[];
}

/** Not synchronous: the registry with TLS is served by this process. */
const skopeo = async (args: string[], env: Record<string, string> = {}): Promise<unknown> =>
  JSON.parse((await promisify(execFile)("skopeo", args, { env: { ...process.env, ...env } })).stdout);

/** What skopeo says that the registry has. */
const inspect = async (reference: string, { skopeo: flags, env }: Place): Promise<Inspected> =>
  (await skopeo(["inspect", ...flags, `docker://${reference}`], env)) as Inspected;

describe.each(places)("%s", (_name, place) => {
  test("push, rmi, pull, run; digests as they were, and as skopeo sees them", async () => {
    const { registry } = place();
    const reference = `${registry}/pushed/app:v1`;
    await output("tag", image, reference);
    const lines = (await output("push", reference)).split("\n");
    expect(lines[0]).toBe(`The push refers to repository [${registry}/pushed/app]`);
    expect(lines.filter((line) => /^[0-9a-f]{12}: Preparing$/.test(line))).toHaveLength(3);
    expect(lines.filter((line) => /^[0-9a-f]{12}: Pushed$/.test(line))).toHaveLength(3);
    const size = /^v1: digest: (sha256:\w{64}) size: (\d+)$/.exec(lines.at(-1) as string);
    expect(size?.[1]).toBe(digest);
    const { Digest, Layers } = await inspect(reference, place());
    expect(Digest).toBe(digest);
    expect(Layers).toHaveLength(3);

    await output("rmi", reference, image);
    expect(await output("pull", reference)).toContain(`Digest: ${digest}`);
    expect(
      await output("run", "--rm", "--network", "none", reference, "sh", "-c", "cd /www; echo *; cat two"),
    ).toBe("index.html two\ntwo");
    await output("tag", reference, image);
  });

  test("again: nothing is sent; under another name: mounted", async () => {
    const { registry } = place();
    const again = await output("push", `${registry}/pushed/app:v1`);
    expect(again.match(/: Layer already exists$/gm)).toHaveLength(3);
    expect(again).not.toContain("MB of");
    await output("tag", image, `${registry}/other/app:v2`);
    expect(
      (await output("push", `${registry}/other/app:v2`)).match(/: Mounted from pushed\/app$/gm),
    ).toHaveLength(3);
    expect((await inspect(`${registry}/other/app:v2`, place())).Digest).toBe(digest);
  });
});

describe("tsrun push", () => {
  test("-a: all tags; -q: names alone", async () => {
    const repository = `${open.host}/many`;
    for (const tag of ["1", "2", "latest"]) await output("tag", image, `${repository}:${tag}`);
    const printed = await output("image", "push", "-a", repository);
    expect(printed.match(/^\S+: digest: sha256:\w+ size: \d+$/gm)?.map((line) => line.split(":")[0])).toEqual(
      ["1", "2", "latest"],
    );
    const tags = await skopeo(["list-tags", "--tls-verify=false", `docker://${repository}`]);
    expect((tags as { Tags: string[] }).Tags.sort()).toEqual(["1", "2", "latest"]);
    expect(await output("push", "-q", "-a", repository)).toBe(
      ["1", "2", "latest"].map((tag) => `${repository}:${tag}`).join("\n"),
    );
    expect(await output("push", repository)).toMatch(/^Using default tag: latest\nThe push refers to /);
    expect(await output("push", "-q", repository)).toBe(`${repository}:latest`);
  });

  test("the one platform of an index that is here, and says so", async () => {
    await output("pull", "-q", "alpine");
    const reference = `${open.host}/alpine`;
    await output("tag", "alpine", reference);
    const printed = await output("push", reference);
    const pushed = /digest: (sha256:\w+)/.exec(printed)?.[1];
    expect(printed).toMatch(
      new RegExp(`Info: Not all multiplatform-content is present .*\nsha256:\\w{64} -> ${pushed}$`),
    );
    const [[, openPlace]] = places as [[string, () => Place]];
    expect((await inspect(`${reference}:latest`, openPlace())).Digest).toBe(pushed);
    await output("pull", "-q", "--platform", "linux/arm64", "alpine");
    await output("tag", "alpine", reference);
    expect(await output("push", reference)).not.toContain("Info");
  });

  test("an image of a container", async () => {
    await output("run", "--name", "changed", "--network", "none", image, "sh", "-c", "echo new > /www/new");
    await output("commit", "changed", `${open.host}/committed:1`);
    await output("rm", "changed");
    expect(await output("push", `${open.host}/committed:1`)).toMatch(/: Pushed$/m);
    await output("rmi", `${open.host}/committed:1`);
    expect(
      await output("run", "--rm", "-q", "--network", "none", `${open.host}/committed:1`, "cat", "/www/new"),
    ).toBe("new");
  });

  test("what cannot be pushed", async () => {
    const none = `${open.host}/none`;
    await output("tag", image, `${readOnly.host}/app`);
    await output("tag", image, `${guarded.host}/app`);
    const cases: [string[], number, RegExp][] = [
      [["push", none], 1, /An image does not exist locally with the tag: \S+\/none:latest/],
      [["push", "-a", none], 1, /An image does not exist locally/],
      [["push", "-a", `${none}:1`], 1, /tag can't be used with --all-tags\/-a/],
      [["push", `${open.host}/pushed/app@${digest}`], 1, /cannot push a digest reference/],
      [["push", "Some/UPPER"], 1, /must be lowercase/],
      [["push", `${readOnly.host}/app`], 1, /takes no pushes/],
      [["push", "--platform", "linux/s390x", `${open.host}/pushed/app:v1`], 1, /linux\/s390x/],
      [["push", "--disable-content-trust=false", `${open.host}/pushed/app:v1`], 125, /does not sign/],
      [["tag", "nothing", "x"], 1, /No such image: nothing:latest/],
      [["tag", image, `x@${digest}`], 1, /refusing to create a tag with a digest reference/],
      [["tag", image], 1, /requires 2 arguments|requires exactly 2/],
    ];
    for (const [args, code, words] of cases) {
      const result = await tsrun(...args);
      expect({ args, ...result }).toMatchObject({ args, code, stderr: expect.stringMatching(words) });
    }
    const unknown = await host.tsrunWith(
      { env: { DOCKER_CONFIG: "/nowhere" } },
      "push",
      `${guarded.host}/app`,
    );
    expect(unknown).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^tsrun: unauthorized: authentication required/),
    });
    expect(unknown.stderr).toContain("tsrun login");
    await output("push", "--disable-content-trust", "-q", `${open.host}/pushed/app:v1`);
  });

  test("is in the journal", async () => {
    const events = await output(
      "events",
      "--since",
      "0",
      "--until",
      "0s",
      "-f",
      "type=image",
      "--format",
      "json",
    );
    const told = events.split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(told).toContainEqual(
      expect.objectContaining({
        Action: "push",
        Actor: { ID: `${open.host}/many:1`, Attributes: { name: `${open.host}/many` } },
      }),
    );
    expect(told).toContainEqual(
      expect.objectContaining({
        Action: "tag",
        Actor: { ID: expect.stringMatching(/^sha256:/), Attributes: { name: `${open.host}/many:2` } },
      }),
    );
  });
});
