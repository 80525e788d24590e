import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Host, openContext, openFiles } from "../../../../src/build/context/context.ts";
import { loadConfig } from "../../../../src/config.ts";

let directory: string;
let context: string;
let host: Host;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tsrun-context-"));
  context = join(directory, "context");
  mkdirSync(context);
  host = {
    paths: { root: join(directory, "root"), run: join(directory, "run") },
    config: loadConfig({ TSRUN_CONFIG: "" }),
  };
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const write = (name: string, text: string): void => writeFileSync(join(context, name), text);
const tar = (...args: string[]): Buffer => execFileSync("tar", ["-C", context, "-c", ...args, "."]);
const stream = (bytes: Uint8Array | string) =>
  ({ kind: "stream", stream: Readable.from([Buffer.from(bytes)]) }) as const;
const leftovers = (): string[] =>
  existsSync(join(directory, "root/tmp")) ? readdirSync(join(directory, "root/tmp")) : [];

describe("a directory", () => {
  const source = () => ({ kind: "directory", path: context }) as const;

  it("has its Dockerfile and its .dockerignore", async () => {
    write("Dockerfile", "FROM scratch\n");
    write(".dockerignore", "*.log\n");
    await using opened = await openContext(host, source());
    expect(opened.directory).toBe(context);
    expect(opened.dockerfile).toEqual({ name: "Dockerfile", text: "FROM scratch\n" });
    expect(opened.ignoreFile?.text).toBe("*.log\n");
  });

  it("may write its Dockerfile in small letters", async () => {
    write("dockerfile", "FROM a\n");
    await using opened = await openContext(host, source());
    expect(opened.dockerfile.name).toBe("dockerfile");
  });

  it("prefers the ignore file of the Dockerfile that was named", async () => {
    mkdirSync(join(context, "docker"));
    write("docker/web.Dockerfile", "FROM web\n");
    write("docker/web.Dockerfile.dockerignore", "web\n");
    write(".dockerignore", "all\n");
    await using opened = await openContext(host, source(), { dockerfile: { path: "docker/web.Dockerfile" } });
    expect(opened.dockerfile.text).toBe("FROM web\n");
    expect(opened.ignoreFile?.text).toBe("web\n");
  });

  it("takes a Dockerfile from anywhere on this host", async () => {
    const path = join(directory, "context-of-others.Dockerfile");
    writeFileSync(path, "FROM other\n");
    writeFileSync(`${path}.dockerignore`, "other\n");
    await using opened = await openContext(host, source(), { dockerfile: { path } });
    expect(opened.dockerfile).toEqual({ name: path, text: "FROM other\n" });
    expect(opened.ignoreFile?.text).toBe("other\n");
  });

  it("says where it looked for a Dockerfile", async () => {
    await expect(openContext(host, source())).rejects.toMatchObject({
      code: "ERR_TSRUN_DOCKERFILE_NOT_FOUND",
      message: `failed to read dockerfile: open ${context}/Dockerfile: no such file or directory`,
      hint: "neither Dockerfile nor dockerfile is in the context; name another one with -f",
    });
    await expect(openContext(host, source(), { dockerfile: { path: "sub/x" } })).rejects.toMatchObject({
      hint: expect.stringContaining(`and ${context}/sub/x`),
    });
  });

  it("is followed by no link of its Dockerfile that leads out of it", async () => {
    writeFileSync(join(directory, "secret"), "FROM secret\n");
    symlinkSync("../secret", join(context, "Dockerfile"));
    await expect(openContext(host, source())).rejects.toMatchObject({
      code: "ERR_TSRUN_DOCKERFILE_NOT_FOUND",
    });
  });
});

describe("a stream", () => {
  it.each([
    ["plain", []],
    ["gzip", ["-z"]],
    ["zstd", ["--zstd"]],
    ["bzip2", ["-j"]],
    ["xz", ["-J"]],
    ["a tar older than POSIX", ["--format=v7"]],
  ])("unpacks an archive: %s", async (_, flags) => {
    write("Dockerfile", "FROM scratch\nCOPY hello /\n");
    write("hello", "hello\n");
    {
      await using opened = await openContext(host, stream(tar(...flags)));
      expect(opened.dockerfile.text).toContain("COPY hello");
      expect(readFileSync(join(opened.directory, "hello"), "utf8")).toBe("hello\n");
    }
    expect(leftovers()).toEqual([]);
  });

  it("is a Dockerfile where it is no archive, without files", async () => {
    await using opened = await openContext(host, stream("FROM scratch\n"));
    expect(opened.dockerfile).toEqual({ name: "Dockerfile", text: "FROM scratch\n" });
    expect(readdirSync(opened.directory)).toEqual([]);
  });

  it("has the Dockerfile that was named in the archive, and no other", async () => {
    write("web.Dockerfile", "FROM web\n");
    await using opened = await openContext(host, stream(tar()), { dockerfile: { path: "web.Dockerfile" } });
    expect(opened.dockerfile.text).toBe("FROM web\n");
    await expect(
      openContext(host, stream(tar()), { dockerfile: { path: "/etc/hostname" } }),
    ).rejects.toMatchObject({ code: "ERR_TSRUN_DOCKERFILE_NOT_FOUND" });
  });

  it("writes nothing outside of its directory, and leaves nothing where it fails", async () => {
    const evil = execFileSync("tar", ["-C", context, "-c", "--transform=s,.*,../../../evil,", "-P", "."]);
    await expect(openContext(host, stream(evil))).rejects.toThrow();
    expect(leftovers()).toEqual([]);
    expect(existsSync(join(directory, "evil"))).toBe(false);
  });
});

describe("a URL", () => {
  let server: Server;
  let url: string;
  let answer: { status: number; body: Buffer };

  beforeEach(async () => {
    server = createServer((_, response) => {
      response.writeHead(answer.status, { "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT" });
      response.end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/context.tar.gz`;
  });
  afterEach(() => server.close());

  it("is an archive or a Dockerfile", async () => {
    write("Dockerfile", "FROM archive\n");
    answer = { status: 200, body: tar("-z") };
    {
      await using opened = await openContext(host, { kind: "url", url });
      expect(opened.dockerfile.text).toBe("FROM archive\n");
    }
    answer = { status: 200, body: Buffer.from("FROM alone\n") };
    await using opened = await openContext(host, { kind: "url", url });
    expect(opened.dockerfile.text).toBe("FROM alone\n");
  });

  it("says what the server answered", async () => {
    answer = { status: 404, body: Buffer.from("gone") };
    await expect(openContext(host, { kind: "url", url })).rejects.toMatchObject({
      code: "ERR_TSRUN_DOWNLOAD_FAILED",
      message: `cannot download ${url}: the server answers with status 404`,
    });
  });
});

describe("a named context", () => {
  it("needs no Dockerfile and has an ignore file", async () => {
    write(".dockerignore", "x\n");
    await using files = await openFiles(host, { kind: "directory", path: context });
    expect(files.ignoreFile?.text).toBe("x\n");
  });

  it("is no Dockerfile", async () => {
    await expect(openFiles(host, stream("FROM scratch\n"))).rejects.toMatchObject({
      code: "ERR_TSRUN_CONTEXT_INVALID",
    });
    expect(leftovers()).toEqual([]);
  });
});
