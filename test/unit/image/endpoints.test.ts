import { describe, expect, test } from "vitest";
import { loadConfig } from "../../../src/config.ts";
import { apiUrl, endpointsOf, isInsecure } from "../../../src/image/endpoints.ts";
import { proxyFor } from "../../../src/image/proxy.ts";
import { parseReference } from "../../../src/image/reference.ts";

const config = (overrides: object) => ({
  ...loadConfig({ TSRUN_CONFIG: "", HOME: "/nonexistent" }),
  ...overrides,
});
const urls = async (text: string, overrides = {}) =>
  (await endpointsOf(parseReference(text), config(overrides))).map(({ url }) => url);

describe("endpoints", () => {
  test("Docker Hub's mirrors come first, in order, and are nobody else's", async () => {
    const mirrors = { "registry-mirrors": ["http://127.0.0.1:5000/", "https://mirror.example/hub"] };
    expect(await urls("alpine", mirrors)).toEqual([
      "http://127.0.0.1:5000",
      "https://mirror.example/hub",
      "https://registry-1.docker.io",
    ]);
    expect(await urls("ghcr.io/a/b", mirrors)).toEqual(["https://ghcr.io"]);
  });

  test("an insecure registry is asked by TLS first, then by plain HTTP", async () => {
    expect(await urls("localhost:5000/x")).toEqual(["https://localhost:5000", "http://localhost:5000"]);
    const listed = { "insecure-registries": ["registry.example:80"] };
    expect(await urls("registry.example:80/x", listed)).toEqual([
      "https://registry.example:80",
      "http://registry.example:80",
    ]);
    expect(await urls("registry.example/x", listed)).toEqual(["https://registry.example"]);
  });

  test("the API's URL has the full path of the repository", async () => {
    const ref = parseReference("alpine");
    const [endpoint] = await endpointsOf(ref, config({}));
    expect(apiUrl(endpoint as never, ref, "manifests/latest")).toBe(
      "https://registry-1.docker.io/v2/library/alpine/manifests/latest",
    );
  });

  test.each([
    ["localhost", true],
    ["127.8.9.1:5000", true],
    ["[::1]:5000", true],
    ["10.1.2.3:5000", true],
    ["10.2.2.3", false],
    ["[fd00::9]", true],
    ["8.8.8.8", false],
  ])("%s insecure: %s", async (registry, expected) => {
    expect(await isInsecure(registry, ["10.1.0.0/16", "fd00::/8"])).toBe(expected);
  });
});

describe("proxies", () => {
  const proxies = {
    "http-proxy": "http://p:3128",
    "https-proxy": "p:3129",
    "no-proxy": "internal.example, .dot.example,10.0.0.0/8,192.0.2.7,port.example:8443,*.star.example",
  };
  test.each([
    ["https://ghcr.io/v2/", "http://p:3129"],
    ["http://ghcr.io/v2/", "http://p:3128"],
    ["https://internal.example/", undefined],
    ["https://a.internal.example/", undefined],
    ["https://notinternal.example/", "http://p:3129"],
    ["https://dot.example/", "http://p:3129"],
    ["https://a.dot.example/", undefined],
    ["https://a.star.example/", undefined],
    ["https://10.9.8.7/", undefined],
    ["https://192.0.2.7/", undefined],
    ["https://192.0.2.8/", "http://p:3129"],
    ["https://port.example:8443/", undefined],
    ["https://port.example/", "http://p:3129"],
    ["http://localhost:5000/", undefined],
    ["http://127.0.0.1:5000/", undefined],
    ["http://[::1]:5000/", undefined],
  ])("%s goes through %s", (url, expected) => {
    expect(proxyFor(new URL(url), proxies)).toBe(expected);
  });

  test("none at all", () => {
    expect(
      proxyFor(new URL("https://x.io"), { "http-proxy": "", "https-proxy": "", "no-proxy": "" }),
    ).toBeUndefined();
    expect(proxyFor(new URL("https://x.io"), { ...proxies, "no-proxy": "*" })).toBeUndefined();
  });
});
