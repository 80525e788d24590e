import { describe, expect, test } from "vitest";
import {
  canonicalName,
  familiarName,
  familiarRepository,
  parseReference,
  repositoryOf,
  withDigest,
} from "../../../src/image/reference.ts";

const HEX = "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c";
const DIGEST = `sha256:${HEX}`;

describe("parseReference", () => {
  test.each([
    ["alpine", "docker.io/library/alpine:latest", "alpine:latest"],
    ["alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"],
    ["library/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
    ["docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
    ["index.docker.io/library/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
    ["user/image", "docker.io/user/image:latest", "user/image:latest"],
    ["library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"],
    ["localhost/x", "localhost/x:latest", "localhost/x:latest"],
    ["localhost:5000/x:1", "localhost:5000/x:1", "localhost:5000/x:1"],
    ["127.0.0.1:5000/a/b:t", "127.0.0.1:5000/a/b:t", "127.0.0.1:5000/a/b:t"],
    ["[2001:db8::1]:5000/x", "[2001:db8::1]:5000/x:latest", "[2001:db8::1]:5000/x:latest"],
    ["ghcr.io/o/r:v1.0-rc_2", "ghcr.io/o/r:v1.0-rc_2", "ghcr.io/o/r:v1.0-rc_2"],
    ["UPPER/x", "UPPER/x:latest", "UPPER/x:latest"],
    ["a__b/c--d.e_f", "docker.io/a__b/c--d.e_f:latest", "a__b/c--d.e_f:latest"],
    [
      "docker.io/index.docker.io/a",
      "docker.io/index.docker.io/a:latest",
      "docker.io/index.docker.io/a:latest",
    ],
    ["docker.io/name.x/app", "docker.io/name.x/app:latest", "docker.io/name.x/app:latest"],
    ["foo:5000", "docker.io/library/foo:5000", "foo:5000"],
    [`alpine@${DIGEST}`, `docker.io/library/alpine@${DIGEST}`, `alpine@${DIGEST}`],
    [`alpine:3.20@${DIGEST}`, `docker.io/library/alpine@${DIGEST}`, `alpine@${DIGEST}`],
    [
      `${"a".repeat(255)}/x`.slice(-255),
      `docker.io/${"a".repeat(253)}/x:latest`,
      `${"a".repeat(253)}/x:latest`,
    ],
  ])("%s is %s", (text, canonical, familiar) => {
    const ref = parseReference(text);
    expect(canonicalName(ref)).toBe(canonical);
    expect(familiarName(ref)).toBe(familiar);
  });

  test("keeps the tag beside a digest, and gives no tag to a digest alone", () => {
    expect(parseReference(`alpine:3@${DIGEST}`)).toMatchObject({ tag: "3", digest: DIGEST });
    expect(parseReference(`alpine@${DIGEST}`).tag).toBeUndefined();
  });

  test.each([
    ["Foo", "invalid reference format: repository name (library/Foo) must be lowercase"],
    ["docker.io/user/Foo:Tag", "invalid reference format: repository name (user/Foo) must be lowercase"],
    [HEX, `invalid repository name (${HEX}), cannot specify 64-byte hexadecimal strings`],
    ["", "invalid reference format"],
    [":x", "invalid reference format"],
    ["a b", "invalid reference format"],
    ["-a", "invalid reference format"],
    ["a-", "invalid reference format"],
    ["a___b", "invalid reference format"],
    ["a..b", "invalid reference format"],
    ["a//b", "invalid reference format"],
    ["/a", "invalid reference format"],
    ["a/", "invalid reference format"],
    ["a:", "invalid reference format"],
    ["a:-x", "invalid reference format"],
    ["a\n", "invalid reference format"],
    ["https://x.io/a", "invalid reference format"],
    [`a:${"t".repeat(129)}`, "invalid reference format"],
    ["a@sha256:abc", "invalid reference format"],
    [`a@sha256:${"a".repeat(63)}`, "invalid checksum digest length"],
    [`a@sha256:${"A".repeat(64)}`, "invalid checksum digest format"],
    [`a@md5:${"a".repeat(32)}`, "unsupported digest algorithm: md5"],
    ["a".repeat(256), "repository name must not be more than 255 characters"],
  ])("refuses %j in Docker's words", (text, message) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({ code: "ERR_TSRUN_REFERENCE_INVALID", message }),
    );
  });

  test("does not take long over a long hostile name", () => {
    const start = performance.now();
    expect(() => parseReference(`${"a-".repeat(50_000)}!`)).toThrow("invalid reference format");
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

test("repositories and digests of a reference", () => {
  const ref = parseReference("alpine:3.20");
  expect(repositoryOf(ref)).toBe("docker.io/library/alpine");
  expect(familiarRepository(ref)).toBe("alpine");
  expect(canonicalName(withDigest(ref, DIGEST))).toBe(`docker.io/library/alpine@${DIGEST}`);
});
