import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { parseChallenges } from "../../../src/image/auth.ts";
import { basicHeader, credentialHelper, findCredentials } from "../../../src/image/credentials.ts";

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

  test("by host, by URL, and Docker Hub's own key", () => {
    write({
      auths: {
        "localhost:5000": { auth: auth("a:b:c") },
        "https://ghcr.io/v1/": { auth: auth("g:h\0\0") },
        "https://index.docker.io/v1/": { username: "hub", password: "pw" },
        "empty.example": {},
        "token.example": { identitytoken: "refresh" },
      },
    });
    expect(findCredentials(file, "localhost:5000")).toMatchObject({ username: "a", password: "b:c" });
    expect(findCredentials(file, "ghcr.io")).toMatchObject({ username: "g", password: "h" });
    expect(findCredentials(file, "docker.io")).toMatchObject({ username: "hub", password: "pw" });
    expect(findCredentials(file, "token.example")).toMatchObject({ identityToken: "refresh" });
    for (const host of ["localhost", "localhost:5001", "empty.example", "io"]) {
      expect(findCredentials(file, host)).toBeUndefined();
    }
  });

  test("a missing file has none; a broken one is named", () => {
    expect(findCredentials(join(directory, "none"), "x")).toBeUndefined();
    write({ auths: { x: { auth: "!" } } });
    expect(() => findCredentials(file, "x")).toThrow(
      expect.objectContaining({ code: "ERR_TSRUN_CREDENTIALS_INVALID" }),
    );
    writeFileSync(file, "{");
    expect(() => findCredentials(file, "x")).toThrow(file);
  });

  test("names the helper that keeps a host's credentials", () => {
    write({ credsStore: "pass", credHelpers: { "ghcr.io": "gh" } });
    expect(credentialHelper(file, "ghcr.io")).toBe("docker-credential-gh");
    expect(credentialHelper(file, "docker.io")).toBe("docker-credential-pass");
  });

  test("the header of basic authentication", () => {
    expect(basicHeader({ username: "u", password: "pä", identityToken: undefined })).toBe(
      `Basic ${auth("u:pä")}`,
    );
  });
});
