import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { loadConfig, loadPaths } from "../../src/config.ts";

const directory = mkdtempSync(join(tmpdir(), "tsrun-config-"));
afterAll(() => rmSync(directory, { recursive: true }));

const file = join(directory, "named.json");
const load = (doc: unknown, env = {}) => {
  writeFileSync(file, typeof doc === "string" ? doc : JSON.stringify(doc));
  return loadConfig({ HOME: directory, TSRUN_CONFIG: file, ...env });
};

describe("loadConfig", () => {
  test("keys of the file replace the defaults, the others stay", () => {
    const config = load({ "registry-mirrors": ["http://127.0.0.1:5000"], dns: ["192.0.2.1"] });
    expect(config["registry-mirrors"]).toEqual(["http://127.0.0.1:5000"]);
    expect(config.dns).toEqual(["192.0.2.1"]);
    expect(config["log-driver"]).toBe("json-file");
    expect(config["seccomp-profile"]).toBeUndefined();
  });

  test("the user's file is found in XDG_CONFIG_HOME, and else below ~/.config", () => {
    for (const [base, env] of [
      [join(directory, "xdg"), { XDG_CONFIG_HOME: join(directory, "xdg") }],
      [join(directory, ".config"), {}],
    ] as const) {
      mkdirSync(join(base, "tsrun"), { recursive: true });
      writeFileSync(join(base, "tsrun", "config.json"), JSON.stringify({ dns: [base] }));
      expect(loadConfig({ HOME: directory, ...env }).dns).toEqual([base]);
    }
  });

  test("proxies come from the environment, lower case first, and the file wins", () => {
    const env = {
      HTTPS_PROXY: "http://upper",
      https_proxy: "http://lower",
      NO_PROXY: "a",
      HTTP_PROXY: "http://plain",
    };
    expect(load({}, env).proxies).toEqual({
      "http-proxy": "http://plain",
      "https-proxy": "http://lower",
      "no-proxy": "a",
    });
    expect(load({ proxies: { "https-proxy": "http://file" } }, env).proxies["https-proxy"]).toBe(
      "http://file",
    );
  });

  test("Docker's credentials follow DOCKER_CONFIG", () => {
    expect(load({})["auth-file"]).toBe(join(directory, ".docker", "config.json"));
    expect(load({}, { DOCKER_CONFIG: "/d" })["auth-file"]).toBe("/d/config.json");
  });

  test.each([
    ["not JSON", "{", "is not JSON"],
    ["a list", [], "is not a JSON object"],
    ["an unknown key", { "registry-mirror": [] }, "doesn't match any configuration option: registry-mirror"],
    ["a key of every object", { toString: 1 }, "doesn't match any configuration option: toString"],
    ["a string for a list", { dns: "192.0.2.1" }, '"dns" must be a list of strings'],
    ["a mirror without a scheme", { "registry-mirrors": ["mirror:5000"] }, "invalid mirror"],
    ["a mirror with credentials", { "registry-mirrors": ["https://u:p@mirror"] }, "not allowed"],
    ["a log driver of Docker's", { "log-driver": "syslog" }, 'must be "json-file" or "none"'],
    ["a pool without a size", { "default-address-pools": [{ base: "10.0.0.0/8" }] }, "prefix length"],
    ["a limit without a name", { "default-ulimits": { nofile: { Soft: 1, Hard: 2 } } }, "Name"],
    ["an unknown proxy", { proxies: { "ftp-proxy": "x" } }, "ftp-proxy"],
  ])("refuses %s and names the file", (_, doc, message) => {
    expect(() => load(doc)).toThrow(expect.objectContaining({ code: "ERR_TSRUN_CONFIG_INVALID" }));
    expect(() => load(doc)).toThrow(message);
    expect(() => load(doc)).toThrow(file);
  });

  test("a file that TSRUN_CONFIG names must be there", () => {
    expect(() => loadConfig({ TSRUN_CONFIG: join(directory, "none.json") })).toThrow("ENOENT");
  });

  test("one load does not change the defaults of the next", () => {
    load({ proxies: { "http-proxy": "x" }, "log-opts": { "max-size": "1m" } });
    expect(load({})).toMatchObject({ proxies: { "http-proxy": "" }, "log-opts": {} });
  });
});

test("paths: the environment before the configuration", () => {
  const config = load({ "data-root": "/data" });
  expect(loadPaths(config, { TSRUN_RUN: "/r" })).toEqual({ root: "/data", run: "/r" });
  expect(loadPaths(config, { TSRUN_ROOT: "/t", TSRUN_RUN: "/r" }).root).toBe("/t");
});
