import { mkdirSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  networkFilePaths,
  validateNetworkFiles,
  writeNetworkFiles,
} from "../../../src/engine/network-files.ts";
import type { ContainerOptions, Endpoint } from "../../../src/engine/types.ts";
import { containerDir } from "../../../src/store/paths.ts";
import { endpoint } from "../../support/endpoint.ts";
import { defaultConfig, openWorld, recordOf, type World } from "./container-fixture.ts";

const config = defaultConfig();
const bridge = endpoint({ address: "172.17.0.5/16" });
let world: World;
beforeEach(() => {
  world = openWorld();
});
afterEach(() => world[Symbol.dispose]());

function write(
  options: Partial<ContainerOptions>,
  network: Endpoint | undefined,
  more: Partial<typeof config> = {},
) {
  const { paths } = world.context;
  const record = recordOf("1", { hostname: "box", options: { image: "x", ...options } });
  mkdirSync(containerDir(paths, record.id), { recursive: true });
  const files = networkFilePaths(containerDir(paths, record.id));
  const context = { ...world.context, config: { ...config, ...more } };
  writeNetworkFiles(context, record, network === undefined ? [] : [network]);
  const read = (path: string): string => readFileSync(path, "utf8");
  return { hosts: read(files.hosts), hostname: read(files.hostname), resolv: read(files.resolvConf) };
}

test("on the bridge: its own address by its names, and what --add-host adds", () => {
  const { hosts, hostname } = write(
    { domainname: "example.org", extraHosts: ["db:10.0.0.9", "up=host-gateway"] },
    bridge,
  );
  expect(hosts).toContain("127.0.0.1\tlocalhost\n");
  expect(hosts).toContain("172.17.0.5\tbox.example.org box\n");
  expect(hosts).toContain("10.0.0.9\tdb\n");
  expect(hosts).toContain("172.17.0.1\tup\n");
  expect(hostname).toBe("box\n");
});

test("on several networks: each of its addresses, IPv6 too", () => {
  const six = endpoint({ network: "six", networkId: "6".repeat(64), address6: "fd00::5/64" });
  const { paths } = world.context;
  const record = recordOf("1", { hostname: "box" });
  mkdirSync(containerDir(paths, record.id), { recursive: true });
  writeNetworkFiles(world.context, record, [bridge, six]);
  const text = readFileSync(networkFilePaths(containerDir(paths, record.id)).hosts, "utf8");
  expect(text.split("\n").slice(-4, -1)).toEqual(["172.17.0.5\tbox", "172.17.0.2\tbox", "fd00::5\tbox"]);
});

test("without a network there is no address to name", () => {
  expect(write({ network: "none" }, undefined).hosts).not.toContain("box");
});

test("on the host's network: the host's own names", () => {
  const { hosts } = write({ network: "host", extraHosts: ["db:10.0.0.9"] }, undefined);
  expect(hosts.startsWith(readFileSync("/etc/hosts", "utf8"))).toBe(true);
  expect(hosts.endsWith("10.0.0.9\tdb\n")).toBe(true);
});

test("written again for each start, whole", () => {
  write({ extraHosts: ["long-name-that-goes:10.0.0.9"] }, bridge);
  expect(write({}, { ...bridge, address: "172.17.0.6/16" }).hosts).not.toMatch(/long-name|172\.17\.0\.5/);
});

describe("name servers", () => {
  test("the container's before the configuration's", () => {
    const configured = { dns: ["10.1.1.1"], "dns-search": ["conf.example"], "dns-opts": ["ndots:2"] };
    expect(write({}, bridge, configured).resolv).toBe(
      "nameserver 10.1.1.1\nsearch conf.example\noptions ndots:2\n",
    );
    const asked = { dns: ["10.2.2.2", "10.3.3.3"], dnsSearch: ["run.example"], dnsOptions: ["timeout:1"] };
    expect(write(asked, bridge, configured).resolv).toBe(
      "nameserver 10.2.2.2\nnameserver 10.3.3.3\nsearch run.example\noptions timeout:1\n",
    );
  });
});

describe("validateNetworkFiles", () => {
  const check = (options: Partial<ContainerOptions>) => () =>
    validateNetworkFiles({ image: "x", ...options }, config);

  test.each<[Partial<ContainerOptions>, string]>([
    [{ extraHosts: ["nonsense"] }, "ERR_TSRUN_ADD_HOST_INVALID"],
    [{ extraHosts: ["a:999.1.1.1"] }, "ERR_TSRUN_ADD_HOST_INVALID"],
    [{ network: "none", extraHosts: ["up:host-gateway"] }, "ERR_TSRUN_ADD_HOST_INVALID"],
    [{ dns: ["dns.example"] }, "ERR_TSRUN_DNS_INVALID"],
  ])("%j is refused before anything is made", (options, code) => {
    expect(check(options)).toThrow(expect.objectContaining({ code }));
  });

  test("the bridge's gateway has a meaning before the bridge is there", () => {
    expect(check({ extraHosts: ["up:host-gateway"], dns: ["1.1.1.1"] })).not.toThrow();
  });
});
