import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Directory, type NamedEndpoint, openDirectory } from "../../../../src/network/dns/directory.ts";
import { openNames } from "../../../../src/network/dns/names.ts";
import { reverseName } from "../../../../src/network/dns/reverse.ts";

const idOf = (name: string): string => Buffer.from(name).toString("hex").padEnd(64, "0");

let networks: string;
let directory: Directory;
beforeEach(() => {
  networks = mkdtempSync(join(tmpdir(), "tsrun-names-"));
  directory = openDirectory(networks);
});
afterEach(() => rmSync(networks, { recursive: true }));

const pathOf = (network: string, container: string): string =>
  join(networks, network, "endpoints", `${idOf(container)}.json`);

/** A container on the network with this name and id. */
function connect(network: string, container: string, endpoint: Partial<NamedEndpoint> = {}): void {
  mkdirSync(join(networks, network, "endpoints"), { recursive: true });
  const path = pathOf(network, container);
  const document = {
    containerId: idOf(container),
    network,
    name: container,
    aliases: [],
    links: [],
    address: "",
    interface: "eth0",
    ...endpoint,
  };
  writeFileSync(`${path}.tmp`, JSON.stringify(document));
  renameSync(`${path}.tmp`, path);
}

const disconnect = (network: string, container: string): void => rmSync(pathOf(network, container));

const namesOf = (container: string) =>
  openNames(directory, {
    containerId: idOf(container),
    kindOf: (id) =>
      id === "removed" ? undefined : { userDefined: id !== "bridge", internal: id === "inside" },
  });

/** The addresses that a container gets for a name. */
const lookup = (names: ReturnType<typeof namesOf>, name: string, type = "A"): string[] | undefined =>
  names.find(name, type)?.map(({ data }) => data);

describe("who is called what", () => {
  test("names, aliases and the first twelve digits of ids, with the network's name or without", () => {
    connect("front", "web", { address: "10.0.0.2/24" });
    connect("front", "Db", {
      address: "10.0.0.3/24",
      address6: "fd00::3/64",
      aliases: ["Storage", "db.internal"],
    });
    const names = namesOf("web");
    for (const name of [
      "db",
      "storage",
      "db.internal",
      idOf("Db").slice(0, 12),
      "db.front",
      "db.internal.front",
    ]) {
      expect([name, lookup(names, name)]).toEqual([name, ["10.0.0.3"]]);
      expect([name, lookup(names, name, "AAAA")]).toEqual([name, ["fd00::3"]]);
    }
    expect(lookup(names, "web")).toEqual(["10.0.0.2"]);
    for (const name of ["d", "db.back", "front", ".front", "db.front.front", idOf("Db").slice(0, 11)])
      expect([name, lookup(names, name)]).toEqual([name, undefined]);
  });

  test("what a name has no address of is nothing, not unknown", () => {
    connect("front", "web", { address: "10.0.0.2/24" });
    const names = namesOf("web");
    expect(lookup(names, "web", "AAAA")).toEqual([]);
    expect(lookup(names, "web", "MX")).toEqual([]);
    expect(lookup(names, "web", "ANY")).toEqual(["10.0.0.2"]);
  });

  test("addresses are called by the name and the network", () => {
    connect("front", "web", { address: "10.0.0.2/24", address6: "fd00::2/64" });
    const names = namesOf("web");
    expect(lookup(names, reverseName("10.0.0.2") ?? "", "PTR")).toEqual(["web.front"]);
    expect(lookup(names, reverseName("fd00::2") ?? "", "PTR")).toEqual(["web.front"]);
    expect(lookup(names, reverseName("10.0.0.3") ?? "", "PTR")).toBeUndefined();
  });

  test("several of one name take turns, each type by itself", () => {
    connect("front", "web", { address: "10.0.0.2/24" });
    for (const number of [3, 4, 5])
      connect("front", `db${number}`, {
        address: `10.0.0.${number}/24`,
        address6: `fd00::${number}/64`,
        aliases: ["db", "db"],
      });
    const names = namesOf("web");
    const firsts = ["A", "AAAA", "A", "AAAA", "A", "AAAA"].map((type) => lookup(names, "db", type)?.[0]);
    expect(new Set(firsts.filter((address) => address?.startsWith("10.")))).toHaveProperty("size", 3);
    expect(new Set(firsts.filter((address) => address?.startsWith("fd")))).toHaveProperty("size", 3);
    expect(lookup(names, "db")?.sort()).toEqual(["10.0.0.3", "10.0.0.4", "10.0.0.5"]);
  });

  test("links are names for the container alone, and follow the id", () => {
    const links = [`${idOf("db")}:store`, `${idOf("gone")}:nobody`];
    connect("front", "web", { address: "10.0.0.2/24", links });
    connect("front", "db", { address: "10.0.0.3/24" });
    expect(lookup(namesOf("web"), "store")).toEqual(["10.0.0.3"]);
    expect(lookup(namesOf("web"), "nobody")).toBeUndefined();
    expect(lookup(namesOf("db"), "store")).toBeUndefined();
    connect("front", "db", { address: "10.0.0.3/24", name: "renamed" });
    connect("front", "other", { address: "10.0.0.4/24", name: "db" });
    expect(lookup(namesOf("web"), "store")).toEqual(["10.0.0.3"]);
  });
});

describe("who sees whom", () => {
  test("those on a network with it, but not on the default one", () => {
    connect("front", "web", { address: "10.0.0.2/24" });
    connect("back", "db", { address: "10.0.1.2/24" });
    connect("back", "app", { address: "10.0.1.3/24", interface: "eth1" });
    connect("front", "app", { address: "10.0.0.3/24" });
    connect("bridge", "old", { address: "172.17.0.2/16" });
    connect("bridge", "web", { address: "172.17.0.3/16" });
    expect(lookup(namesOf("web"), "app")).toEqual(["10.0.0.3"]);
    expect(lookup(namesOf("web"), "db")).toBeUndefined();
    expect(lookup(namesOf("web"), "old")).toBeUndefined();
    expect(lookup(namesOf("db"), "app")).toEqual(["10.0.1.3"]);
    expect(lookup(namesOf("db"), "app.front")).toBeUndefined();
    expect(lookup(namesOf("app"), "app")).toEqual(["10.0.0.3"]);
    expect(lookup(namesOf("app"), "app.back")).toEqual(["10.0.1.3"]);
    expect(lookup(namesOf("stranger"), "app")).toBeUndefined();
  });

  test("the first interface decides where two networks know a name", () => {
    connect("alpha", "app", { address: "10.0.0.2/24", interface: "eth10" });
    connect("beta", "app", { address: "10.0.1.2/24", interface: "eth2" });
    connect("alpha", "one", { address: "10.0.0.9/24", aliases: ["db"] });
    connect("beta", "two", { address: "10.0.1.9/24", aliases: ["db"] });
    expect(lookup(namesOf("app"), "db")).toEqual(["10.0.1.9"]);
  });
});

describe("the way out", () => {
  test("is any network but an internal one", async () => {
    connect("inside", "web", { address: "10.0.0.2/24" });
    connect("removed", "web", { address: "10.0.1.2/24" });
    const names = namesOf("web");
    expect(names.leadsOut()).toBe(false);
    connect("bridge", "web", { address: "172.17.0.3/16" });
    await turn();
    expect(names.leadsOut()).toBe(true);
    disconnect("bridge", "web");
    connect("front", "web", { address: "10.0.2.2/24" });
    await turn();
    expect(names.leadsOut()).toBe(true);
    expect(namesOf("stranger").leadsOut()).toBe(false);
  });
});

describe("changes", () => {
  test("are seen at once: connected, renamed, with another address, disconnected", async () => {
    connect("front", "web", { address: "10.0.0.2/24" });
    const names = namesOf("web");
    for (let round = 0; round < 20; round++) {
      expect(lookup(names, "db")).toBeUndefined();
      connect("front", "db", { address: "10.0.0.3/24" });
      await turn();
      expect(lookup(names, "db")).toEqual(["10.0.0.3"]);
      connect("front", "db", { address: "10.0.0.4/24" });
      await turn();
      expect(lookup(names, "db")).toEqual(["10.0.0.4"]);
      connect("front", "db", { address: "10.0.0.4/24", name: "database" });
      await turn();
      expect(lookup(names, "db")).toBeUndefined();
      expect(lookup(names, "database")).toEqual(["10.0.0.4"]);
      disconnect("front", "db");
      await turn();
      expect(lookup(names, "database")).toBeUndefined();
    }
  });

  test("are seen also where nothing has changed for long", async () => {
    connect("front", "web", { address: "10.0.0.2/24" });
    const past = new Date(Date.now() - 60_000);
    utimesSync(join(networks, "front", "endpoints"), past, past);
    utimesSync(networks, past, past);
    const names = namesOf("web");
    expect(lookup(names, "db")).toBeUndefined();
    await turn();
    connect("front", "db", { address: "10.0.0.3/24" });
    connect("back", "web", { address: "10.0.1.2/24", interface: "eth1" });
    await turn();
    expect(lookup(names, "db")).toEqual(["10.0.0.3"]);
    expect(lookup(names, "web.back")).toEqual(["10.0.1.2"]);
    rmSync(join(networks, "back"), { recursive: true });
    await turn();
    expect(lookup(names, "web.back")).toBeUndefined();
  });
});
