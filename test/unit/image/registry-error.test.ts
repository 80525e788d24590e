import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import {
  classify,
  classifyFirstContact,
  explainFailure,
  StatusError,
} from "../../../src/image/registry-error.ts";

const subject = { name: "alpine:nope", repository: "alpine", registry: "docker.io" };

function status(code: number, options: { body?: object; headers?: Record<string, string> } = {}) {
  const { body = {}, headers = {} } = options;
  const response = {
    url: "https://registry-1.docker.io/v2/library/alpine/manifests/nope?signature=secret",
    status: code,
    headers: { get: (name: string) => headers[name] ?? null },
    body: Readable.from([]),
  };
  return new StatusError(response, JSON.stringify(body));
}
const errors = (code: string, message: string) => ({ body: { errors: [{ code, message }] } });

describe("what is tried again", () => {
  test.each([429, 500, 502, 503, 504])("status %i", (code) => expect(classify(status(code))).toBeDefined());
  test.each([400, 401, 403, 404, 501])("not status %i", (code) =>
    expect(classify(status(code))).toBeUndefined(),
  );

  test("as long after as the server says", () => {
    expect(classify(status(503, { headers: { "retry-after": "3" } }))?.retryAfterMs).toBe(3000);
    expect(classify(status(503))?.retryAfterMs).toBeUndefined();
  });

  test("not a rate limit that is used up for hours", () => {
    expect(classify(status(429, { headers: { "ratelimit-remaining": "0;w=21600" } }))).toBeUndefined();
    expect(
      classify(status(429, { headers: { "ratelimit-remaining": "0;w=21600", "retry-after": "1" } })),
    ).toBeDefined();
  });

  test("broken connections, but at first contact not those that were never made", () => {
    const refused = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    const reset = Object.assign(new Error("reset"), { code: "ECONNRESET" });
    expect(classify(refused)).toBeDefined();
    expect(classifyFirstContact(refused)).toBeUndefined();
    expect(classifyFirstContact(reset)).toBeDefined();
    expect(classify(Object.assign(new Error("no such host"), { code: "ENOTFOUND" }))).toBeUndefined();
  });
});

describe("what a user reads", () => {
  test.each([
    [
      status(401, errors("UNAUTHORIZED", "authentication required")),
      "ERR_TSRUN_PULL_DENIED",
      "pull access denied for alpine, repository does not exist or may require 'login': authentication required",
    ],
    [
      status(404, errors("MANIFEST_UNKNOWN", "manifest unknown")),
      "ERR_TSRUN_MANIFEST_NOT_FOUND",
      "manifest for alpine:nope not found: manifest unknown",
    ],
    [status(404), "ERR_TSRUN_MANIFEST_NOT_FOUND", "manifest for alpine:nope not found: manifest unknown"],
    [
      status(404, errors("NAME_UNKNOWN", "repository name not known to registry")),
      "ERR_TSRUN_MANIFEST_NOT_FOUND",
      "repository alpine not found: repository name not known to registry",
    ],
    [
      status(500),
      "ERR_TSRUN_REGISTRY_FAILED",
      "registry docker.io: registry-1.docker.io answered 500 (https://registry-1.docker.io/v2/library/alpine/manifests/nope)",
    ],
  ])("%s", (error, code, message) => {
    expect(explainFailure(error, subject)).toMatchObject({ code, message, cause: error });
  });

  test("a registry's own words neither move the cursor nor fill the screen", () => {
    const { registryMessage } = status(500, errors("UNKNOWN", `\u001b[2Jdown\n${"!".repeat(5000)}`));
    expect(registryMessage).toBe(` [2Jdown ${"!".repeat(1000 - " [2Jdown ".length)}`);
  });

  test("Docker Hub's limit with all that its headers tell", () => {
    const error = status(429, {
      ...errors("TOOMANYREQUESTS", "You have reached your pull rate limit."),
      headers: {
        "ratelimit-limit": "100;w=21600",
        "ratelimit-remaining": "0;w=21600",
        "ratelimit-reset": "1893456000",
      },
    });
    expect(explainFailure(error, subject)).toMatchObject({
      code: "ERR_TSRUN_RATE_LIMITED",
      message:
        "toomanyrequests: You have reached your pull rate limit. (limit 100 per 6 h, 0 remaining, resets at 2030-01-01T00:00:00Z)",
    });
    expect(explainFailure(status(429), subject)).toMatchObject({
      message: "toomanyrequests: rate limit of docker.io reached",
    });
  });

  test.each([
    ["EPROTO", /insecure-registries/],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", /certs\.d\/docker\.io\/ca\.crt/],
    ["ENOTFOUND", /resolver/],
    ["ECONNREFUSED", /runs and can be reached/],
  ])("%s comes with what to do", (code, hint) => {
    const error = Object.assign(new Error("request failed"), { code });
    expect(explainFailure(error, { ...subject, note: "mirror x: down" })).toMatchObject({
      code: "ERR_TSRUN_REGISTRY_UNREACHABLE",
      hint: expect.stringMatching(new RegExp(`${hint.source}.*; mirror x: down$`)),
    });
  });

  test("an abort and a programming error stay what they are", () => {
    for (const error of [new DOMException("aborted", "AbortError"), new TypeError("bug")]) {
      expect(explainFailure(error, subject)).toBe(error);
    }
  });
});
