import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startRegistry, type TestRegistry } from "../support/registry.ts";
import { gzipLayer } from "../support/tar-layer.ts";
import { useHost } from "./support/host.ts";
import { busyboxImage } from "./support/images.ts";

const host = useHost({ pull: [] });
const { output, tsrun, tsrunWith } = host;
const layers = (): string[] =>
  readdirSync(join(host.root, "layers")).filter((name) => !name.endsWith(".json"));
const names = async (...filters: string[]): Promise<string[]> =>
  (await output("images", "--format", "{{.Repository}}:{{.Tag}}", ...filters))
    .split("\n")
    .filter(Boolean)
    .sort();

describe("pull", () => {
  test("by name: docker's lines, plain where there is no terminal", async () => {
    const { code, stdout, stderr } = await tsrun("pull", "busybox");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [tag, pulling, progress, digest, status, name, ...rest] = stdout.split("\n");
    expect([tag, pulling]).toEqual(["Using default tag: latest", "latest: Pulling from library/busybox"]);
    expect(progress).toMatch(/^\d+(\.\d+)?MB of \d+(\.\d+)?MB \(100%\)/);
    expect(digest).toMatch(/^Digest: sha256:[0-9a-f]{64}$/);
    expect([status, name, ...rest]).toEqual([
      "Status: Downloaded newer image for busybox:latest",
      "docker.io/library/busybox:latest",
      "",
    ]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: no terminal sequences is what is meant
    expect(stdout).not.toMatch(/[\x1b\r]/);
  });

  test("again says that it is up to date, -q only the name", async () => {
    expect(await output("pull", "busybox")).toContain("Status: Image is up to date for busybox:latest");
    expect(await tsrun("image", "pull", "-q", "busybox")).toEqual({
      code: 0,
      stdout: "docker.io/library/busybox:latest\n",
      stderr: "",
    });
  });

  test("by digest", async () => {
    const digest = /Digest: (sha256:\w+)/.exec(await output("pull", "alpine"))?.[1] as string;
    expect(await output("pull", `alpine@${digest}`)).toContain("Image is up to date");
    expect(await output("images", "--digests", "--format", "{{.Repository}} {{.Digest}}", "alpine")).toBe(
      `alpine ${digest}`,
    );
    expect(await output("run", "--rm", `alpine@${digest}`, "echo", "pinned")).toBe("pinned");
  });

  test("several tags of one image share everything", async () => {
    const before = layers();
    await output("pull", "-q", "alpine:3.20");
    expect(layers()).toEqual(before);
    const [one, two] = (await output("images", "-q", "alpine")).split("\n");
    expect(one).toBe(two);
  });

  test("from a registry by its address, with layers over each other", async () => {
    const { registry } = host;
    const reference = `${registry().host}/team/app:v1`;
    const image = busyboxImage([
      { path: "www/index.html", data: "over\n" },
      { path: "etc/.wh.group" },
      { path: "opt/" },
      { path: "opt/tool", type: "SymbolicLink", linkpath: "/bin/busybox" },
    ]);
    image.layers.push(
      gzipLayer([{ path: "www/.wh.index.html" }, { path: "www/other", data: "top\n", mode: 0o600 }]),
    );
    await registry().pushImage("team/app", ["v1"], image);
    await output("pull", reference);
    expect(
      await output(
        "run",
        "--rm",
        reference,
        "sh",
        "-c",
        "ls /www; stat -c %a /www/other; ls /etc/group 2>&1; readlink /opt/tool",
      ),
    ).toBe("other\n600\nls: /etc/group: No such file or directory\n/bin/busybox");
  });

  test("of what is not there says so, and nothing is left", async () => {
    const before = await names();
    const missing = await tsrun("pull", `${host.registry().host}/no/such`);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain(`${host.registry().host}/no/such`);
    expect(await tsrun("pull", `${host.registry().host}/team/app:v9`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("v9"),
    });
    expect(await tsrun("pull", "some/UPPER")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("UPPER"),
    });
    expect(await tsrun("pull", "--platform", "linux/s390x", "alpine")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("linux/s390x"),
    });
    expect(await names()).toEqual(before);
  });
});

describe("tsrun/base", () => {
  test("needs no registry", async () => {
    const { code, stdout } = await tsrunWith(
      { env: { TSRUN_CONFIG: "" } },
      "run",
      "--rm",
      "-q",
      "tsrun/base",
      "sh",
      "-c",
      "echo from $0",
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: "from sh\n" });
    expect(await names("tsrun/base")).toEqual(["tsrun/base:latest"]);
    await output("rmi", "tsrun/base");
  });

  test("does not stand in for another name", async () => {
    const { code, stderr } = await tsrun("run", "--rm", `${host.registry().host}/tsrun/base:other`, "true");
    expect(code).toBe(125);
    expect(stderr).toContain("tsrun/base:other");
  });
});

describe("images", () => {
  test("as a table, as ids, by name and as JSON lines", async () => {
    const [head, ...rows] = (await output("images")).split("\n");
    expect(head).toMatch(/^REPOSITORY\s+TAG\s+IMAGE ID\s+CREATED\s+SIZE$/);
    expect(rows.some((row) => /^busybox\s+latest\s+[0-9a-f]{12}\s+.* ago\s+\d+(\.\d+)?MB$/.test(row))).toBe(
      true,
    );
    expect(await names("alpine")).toEqual(["alpine:3.20", "alpine:latest"]);
    expect(await names("alpine:3.20")).toEqual(["alpine:3.20"]);
    expect(await names("nothing")).toEqual([]);
    expect(await output("image", "ls", "alpine:3.20")).toBe(await output("images", "alpine:3.20"));
    expect(await output("images", "-q", "--no-trunc", "busybox")).toMatch(/^sha256:[0-9a-f]{64}$/);
    const row = JSON.parse(await output("images", "--format", "json", "busybox"));
    expect(row).toMatchObject({
      Repository: "busybox",
      Tag: "latest",
      CreatedAt: expect.stringContaining("2024-01-02"),
    });
  });

  test("filters", async () => {
    await host.registry().pushImage("library/labelled", ["latest"], {
      ...busyboxImage([], { Labels: { tier: "web" } }),
      created: "2020-05-05T00:00:00Z",
    });
    await output("pull", "-q", "labelled");
    expect(await names("--filter", "label=tier=web")).toEqual(["labelled:latest"]);
    expect(await names("--filter", "reference=alp*")).toEqual(["alpine:3.20", "alpine:latest"]);
    expect(await names("--filter", "before=busybox")).toEqual(["labelled:latest"]);
    expect(await names("--filter", "dangling=true")).toEqual([]);
    expect(await tsrun("images", "--filter", "colour=red")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("colour"),
    });
  });

  test("a tag that moved leaves its old image without a name", async () => {
    await host
      .registry()
      .pushImage("library/moving", ["latest"], busyboxImage([{ path: "version", data: "1" }]));
    await output("pull", "-q", "moving");
    const old = await output("images", "-q", "moving");
    await host
      .registry()
      .pushImage("library/moving", ["latest"], busyboxImage([{ path: "version", data: "2" }]));
    expect(await output("run", "--rm", "moving", "cat", "/version")).toBe("1");
    expect(await output("run", "--rm", "-q", "--pull", "always", "moving", "cat", "/version")).toBe("2");
    expect(await output("images", "-q", "--filter", "dangling=true")).toBe(old);
    expect(await output("images")).toMatch(/^(moving|<none>)\s+<none>\s+/m);
    await output("rmi", old);
  });
});

describe("image inspect", () => {
  test("is docker's document", async () => {
    const [document] = JSON.parse(await output("image", "inspect", "labelled"));
    expect(document).toMatchObject({
      Id: expect.stringMatching(/^sha256:/),
      RepoTags: ["labelled:latest"],
      RepoDigests: [expect.stringMatching(/^labelled@sha256:/)],
      Created: "2020-05-05T00:00:00Z",
      Os: "linux",
      Config: { Cmd: ["sh"], Labels: { tier: "web" }, Env: [expect.stringMatching(/^PATH=/)] },
      RootFS: { Type: "layers", Layers: [expect.stringMatching(/^sha256:/)] },
    });
    expect(document.Size).toBeGreaterThan(1_000_000);
    expect(
      await output("image", "inspect", "-f", '{{.Architecture}} {{index .Config.Labels "tier"}}', "labelled"),
    ).toMatch(/^(amd64|arm64) web$/);
    expect(await tsrun("image", "inspect", "nothing")).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^\[\]?\n?/),
      stderr: expect.stringContaining("No such image: nothing"),
    });
  });
});

describe("rmi", () => {
  test("takes a name away, and with the last one the image", async () => {
    const id = await output("images", "-q", "--no-trunc", "alpine:3.20");
    expect(await output("rmi", "alpine:3.20")).toBe("Untagged: alpine:3.20");
    const gone = (await output("image", "rm", "alpine")).split("\n");
    expect(gone[0]).toBe("Untagged: alpine:latest");
    expect(gone[1]).toMatch(/^Untagged: alpine@sha256:/);
    expect(gone[2]).toBe(`Deleted: ${id}`);
    expect(gone[3]).toMatch(/^Deleted: sha256:/);
    expect(await names("alpine")).toEqual([]);
  });

  test("leaves no layer that nothing needs", async () => {
    const before = layers();
    await host
      .registry()
      .pushImage("library/single", ["latest"], { layers: [gzipLayer([{ path: "alone", data: "x" }])] });
    await output("pull", "-q", "single");
    expect(layers()).toHaveLength(before.length + 1);
    await output("rmi", "single");
    expect(layers()).toEqual(before);
  });

  test("refuses an image that a container uses", async () => {
    const container = (await output("run", "-d", "busybox", "sleep", "1000")).slice(0, 12);
    const id = (await output("images", "-q", "busybox")).slice(0, 12);
    const byName = await tsrun("rmi", "busybox");
    expect(byName).toMatchObject({ code: 1, stdout: "" });
    expect(byName.stderr).toContain(`container ${container} is using its referenced image ${id}`);
    const byId = await tsrun("rmi", "-f", id);
    expect(byId).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`image is being used by running container ${container}`),
    });
    await output("kill", container);
    expect((await tsrun("rmi", "busybox")).code).toBe(1);
    expect(await output("rmi", "-f", "busybox")).toContain("Untagged: busybox:latest");
    // The container keeps its layers.
    expect(await output("ps", "-a", "--format", "{{.Status}}")).toMatch(/^Exited/);
    await output("rm", container);
    await output("pull", "-q", "busybox");
  });

  test("of what is not there", async () => {
    expect(await tsrun("rmi", "nothing")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("No such image: nothing"),
    });
    expect((await tsrun("rmi", "-f", "nothing")).code).toBe(0);
  });
});

describe("a private registry", () => {
  const USER = "teacher";
  const PASSWORD = "correct horse";
  let registry: TestRegistry;
  let reference: string;
  beforeAll(async () => {
    registry = await startRegistry({ user: USER, password: PASSWORD });
    await registry.pushImage("private/app", ["1"], busyboxImage());
    reference = `${registry.host}/private/app:1`;
  });
  afterAll(() => registry.stop());

  /** A docker configuration as `docker login` leaves it. */
  function login(user: string, password: string): { env: Record<string, string> } {
    const directory = join(host.directory, `docker-${user}-${password.length}`);
    mkdirSync(directory, { recursive: true });
    const auth = Buffer.from(`${user}:${password}`).toString("base64");
    writeFileSync(join(directory, "config.json"), JSON.stringify({ auths: { [registry.host]: { auth } } }));
    return { env: { DOCKER_CONFIG: directory } };
  }

  test("lets in who has logged in with docker", async () => {
    expect(await tsrunWith(login(USER, PASSWORD), "pull", "-q", reference)).toMatchObject({
      code: 0,
      stderr: "",
    });
    expect(await output("run", "--rm", reference, "echo", "in")).toBe("in");
    await output("rmi", reference);
  });

  test("keeps out everybody else, and the password out of the message", async () => {
    const nobody = await tsrun("pull", reference);
    expect(nobody).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${registry.host}/private/app`),
    });
    const wrong = await tsrunWith(login(USER, "wrong horse battery"), "--debug", "pull", reference);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).not.toContain("wrong horse battery");
    expect(wrong.stderr).not.toContain(Buffer.from(`${USER}:wrong horse battery`).toString("base64"));
    expect(await names(reference)).toEqual([]);
  });
});

describe("a mirror", () => {
  test("is asked first, and passed over where it has nothing", async () => {
    const asked: string[] = [];
    const empty = createServer((request, response) => {
      asked.push(request.url as string);
      response.writeHead(404).end();
    }).listen(0, "127.0.0.1");
    await once(empty, "listening");
    const config = join(host.directory, "mirrors.json");
    const mirror = `http://127.0.0.1:${(empty.address() as AddressInfo).port}`;
    writeFileSync(config, JSON.stringify({ "registry-mirrors": [mirror, host.registry().url] }));
    const { code } = await tsrunWith({ env: { TSRUN_CONFIG: config } }, "pull", "-q", "alpine");
    empty.close();
    expect(code).toBe(0);
    expect(asked.length).toBeGreaterThan(0);
    expect(JSON.parse(readFileSync(join(host.root, "images.json"), "utf8")).names).toHaveProperty(
      "docker.io/library/alpine:latest",
    );
  });
});
