import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { useHost } from "./support/host.ts";
import { busyboxImage, OTHER_ARCHITECTURE } from "./support/images.ts";

const host = useHost({ pull: [] });
const { output, tsrun } = host;
const ARCHITECTURE = OTHER_ARCHITECTURE === "amd64" ? "arm64" : "amd64";

describe("search", () => {
  let server: Server;
  let at: string;
  beforeAll(async () => {
    const results = [
      { name: "few", description: "x".repeat(60), star_count: 3, is_official: false },
      { name: "many", description: "The one that\nall use", star_count: 1000, is_official: true },
    ];
    server = createServer((request, response) => {
      const url = new URL(request.url ?? "", "http://x");
      if (url.pathname !== "/v1/search") return void response.writeHead(404).end();
      response.end(JSON.stringify({ results: results.slice(0, Number(url.searchParams.get("n"))) }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    at = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  test("is a table of docker's columns, the most loved first", async () => {
    const [heading, ...rows] = (await output("search", `${at}/web`)).split("\n");
    expect(heading).toMatch(/^NAME\s+DESCRIPTION\s+STARS\s+OFFICIAL$/);
    expect(rows.map((row) => row.split(/\s{2,}/).map((cell) => cell.trim()))).toEqual([
      [`${at}/many`, "The one that all use", "1000", "[OK]"],
      [`${at}/few`, `${"x".repeat(44)}…`, "3", ""],
    ]);
    expect(await output("search", "--no-trunc", `${at}/web`)).toContain("x".repeat(60));
  });

  test("filters, limits, templates and JSON", async () => {
    const names = (...flags: string[]) => output("search", "--format", "{{.Name}}", ...flags, `${at}/web`);
    expect(await names("--filter", "stars=10")).toBe(`${at}/many`);
    expect(await names("--filter", "is-official=false")).toBe(`${at}/few`);
    expect(await names("--filter", "is-automated=true")).toBe("");
    expect(await names("--limit", "1")).toBe(`${at}/few`);
    expect(
      JSON.parse((await output("search", "--format", "json", "-f", "stars=10", `${at}/web`)) as string),
    ).toEqual({
      Description: "The one that all use",
      IsAutomated: "false",
      IsOfficial: "true",
      Name: `${at}/many`,
      StarCount: "1000",
    });
  });

  test.each([
    [["--limit", "101"], "outside the range of [1, 100]"],
    [["--filter", "stars=many"], "invalid filter 'stars=many'"],
    [["--filter", "colour=red"], "invalid filter 'colour'"],
  ])("%j is refused", async (flags, message) => {
    expect(await tsrun("search", ...flags, `${at}/web`)).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining(message),
    });
  });

  test("looks through the catalog of a registry that has no search", async () => {
    const registry = host.registry().host;
    expect(await output("search", "--format", "{{.Name}}", `${registry}/busyb`)).toBe(
      `${registry}/library/busybox`,
    );
  });
});

describe("manifest inspect", () => {
  test("prints the index as its registry has it, with -v what it refers to", async () => {
    const index = JSON.parse(await output("manifest", "inspect", "alpine"));
    expect(index).toMatchObject({ schemaVersion: 2, manifests: [{ platform: {} }, { platform: {} }] });
    const members = JSON.parse(await output("manifest", "inspect", "-v", "alpine"));
    expect(members.map(({ Descriptor }: { Descriptor: object }) => Descriptor)).toEqual(
      index.manifests.map((entry: object) => expect.objectContaining(entry)),
    );
    expect(members[0]).toMatchObject({
      Ref: `docker.io/library/alpine:latest@${index.manifests[0].digest}`,
      OCIManifest: { schemaVersion: 2, layers: expect.arrayContaining([expect.anything()]) },
    });
    expect(JSON.parse(Buffer.from(members[0].Raw, "base64").toString())).toEqual(members[0].OCIManifest);
  });

  test("prints an image's manifest, with -v its platform", async () => {
    const manifest = await output("manifest", "inspect", "busybox");
    expect(manifest).toMatch(/^\{\n\t"schemaVersion": 2,\n\t"mediaType": "application\/vnd.docker./);
    expect(JSON.parse(await output("manifest", "inspect", "--verbose", "busybox"))).toMatchObject({
      Ref: "docker.io/library/busybox:latest",
      Descriptor: { platform: { os: "linux", architecture: ARCHITECTURE } },
      SchemaV2Manifest: JSON.parse(manifest),
    });
    const missing = `${host.registry().host}/library/busybox:none`;
    expect(await tsrun("manifest", "inspect", missing)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`manifest for ${missing} not found`),
    });
  });
});

describe("pull -a", () => {
  test("brings all tags of a repository, each with docker's lines", async () => {
    const { host: at, pushImage } = host.registry();
    for (const tag of ["one", "two"]) await pushImage("team/all", [tag], busyboxImage([{ path: tag }]));
    const { code, stdout } = await tsrun("pull", "-a", `${at}/team/all`);
    expect(code).toBe(0);
    expect(stdout.split("\n").filter((line) => /Pulling|Status|^127.*all$/.test(line))).toEqual([
      "one: Pulling from team/all",
      `Status: Downloaded newer image for ${at}/team/all:one`,
      "two: Pulling from team/all",
      `Status: Downloaded newer image for ${at}/team/all:two`,
      `${at}/team/all`,
    ]);
    expect(await output("images", "--format", "{{.Tag}}", `${at}/team/all`)).toMatch(/^(one\ntwo|two\none)$/);
    expect(await output("pull", "-aq", `${at}/team/all`)).toBe(`${at}/team/all`);
    expect(await tsrun("pull", "-a", `${at}/team/all:one`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("tag can't be used with --all-tags/-a"),
    });
    expect(await tsrun("pull", "-a", `${at}/team/none`)).toMatchObject({ code: 1 });
  });

  test("an image pinned by tag and digest is the one of the digest, wherever the tag has moved", async () => {
    const { host: at, pushImage } = host.registry();
    const pinned = await pushImage("team/pinned", ["1"], busyboxImage([{ path: "version", data: "pinned" }]));
    await pushImage("team/pinned", ["1"], busyboxImage([{ path: "version", data: "moved" }]));
    const name = `${at}/team/pinned:1@${pinned.digest}`;
    expect(await output("run", "--rm", "-q", "--network", "none", name, "cat", "/version")).toBe("pinned");
    const wrong = `${at}/team/pinned:1@sha256:${"0".repeat(64)}`;
    expect(await tsrun("pull", wrong)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("not found"),
    });
  });
});
