import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { parseChallenges } from "../../../src/image/auth.ts";
import type { AuthFile } from "../../../src/image/auth-file.ts";
import { basicHeader, findCredentials, helperFor } from "../../../src/image/credentials.ts";

describe("parseChallenges", () => {
  test("a bearer challenge with a list in quotes", () => {
    const header =
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"';
    expect(parseChallenges(header)).toEqual([
      {
        scheme: "bearer",
        parameters: {
          realm: "https://auth.docker.io/token",
          service: "registry.docker.io",
          scope: "repository:a/b:pull,push",
        },
      },
    ]);
  });

  test("several challenges, bare values, escapes, spaces", () => {
    expect(parseChallenges('Basic realm="say \\"hi\\"", charset=UTF-8,  BEARER realm=x , Negotiate')).toEqual(
      [
        { scheme: "basic", parameters: { realm: 'say "hi"', charset: "UTF-8" } },
        { scheme: "bearer", parameters: { realm: "x" } },
        { scheme: "negotiate", parameters: {} },
      ],
    );
  });

  test.each(["", '"', "=", 'realm="x"'])("survives %j", (header) => {
    expect(parseChallenges(header)).toEqual([]);
  });
});

describe("credentials", () => {
  const directory = mkdtempSync(join(tmpdir(), "tsrun-auth-"));
  const file = join(directory, "config.json");
  const write = (doc: unknown) => writeFileSync(file, JSON.stringify(doc));
  const auth = (text: string) => Buffer.from(text).toString("base64");
  afterEach(() => rmSync(file, { force: true }));
  afterAll(() => rmSync(directory, { recursive: true }));

  test("by host, by URL, and Docker Hub's own key", async () => {
    write({
      auths: {
        "localhost:5000": { auth: auth("a:b:c") },
        "https://ghcr.io/v1/": { auth: auth("g:h\0\0") },
        "https://index.docker.io/v1/": { username: "hub", password: "pw" },
        "empty.example": {},
        "token.example": { identitytoken: "refresh" },
      },
    });
    expect(await findCredentials(file, "localhost:5000")).toMatchObject({ username: "a", password: "b:c" });
    expect(await findCredentials(file, "ghcr.io")).toMatchObject({ username: "g", password: "h" });
    expect(await findCredentials(file, "docker.io")).toMatchObject({ username: "hub", password: "pw" });
    expect(await findCredentials(file, "token.example")).toMatchObject({ identityToken: "refresh" });
    for (const host of ["localhost", "localhost:5001", "empty.example", "io"]) {
      expect(await findCredentials(file, host)).toBeUndefined();
    }
  });

  test("a missing file has none; a broken one is named", async () => {
    expect(await findCredentials(join(directory, "none"), "x")).toBeUndefined();
    const broken = ["{", "[]", '{"auths":{"x":{"auth":"!"}}}', '{"auths":[]}', '{"auths":{"x":1}}'];
    broken.push('{"credsStore":1}', '{"credHelpers":{"x":1}}', '{"credsStore":"../evil"}');
    for (const text of broken) {
      writeFileSync(file, text);
      await expect(findCredentials(file, "x"), text).rejects.toMatchObject({
        code: "ERR_TSRUN_CREDENTIALS_INVALID",
        message: expect.stringContaining(file),
      });
    }
  });

  test("names the helper that keeps a host's credentials, by any of the host's names", () => {
    const programOf = (content: AuthFile, host: string) =>
      helperFor(content, { authFile: file, host })?.program;
    const own = { credsStore: "pass", credHelpers: { "ghcr.io": "gh" } };
    expect(programOf(own, "ghcr.io")).toBe("docker-credential-gh");
    expect(programOf(own, "docker.io")).toBe("docker-credential-pass");
    for (const key of ["https://index.docker.io/v1/", "index.docker.io", "docker.io"])
      expect(programOf({ credHelpers: { [key]: "hub" } }, "docker.io")).toBe("docker-credential-hub");
    // An empty name takes a host out of the common store, as with docker.
    expect(programOf({ credsStore: "pass", credHelpers: { "ghcr.io": "" } }, "ghcr.io")).toBeUndefined();
  });

  test("the header of basic authentication", () => {
    expect(basicHeader({ username: "u", password: "pä", identityToken: undefined })).toBe(
      `Basic ${auth("u:pä")}`,
    );
  });
});
