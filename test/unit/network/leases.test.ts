import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeEndpoint } from "../../../src/network/endpoints.ts";
import { leasePath, releaseLeases, takeAddress, takeLease } from "../../../src/network/leases.ts";
import { rangeOf } from "../../../src/network/ranges.ts";
import type { IsAlive } from "../../../src/network/types.ts";
import { networkRunDir, type Paths } from "../../../src/store/paths.ts";
import { endpoint } from "../../support/endpoint.ts";

const NETWORK = "bridge";
const everybody: IsAlive = () => true;

let paths: Paths;

beforeEach(() => {
  const directory = mkdtempSync(join(tmpdir(), "tsrun-leases-"));
  paths = { root: join(directory, "root"), run: directory };
});

afterEach(() => rmSync(paths.run, { recursive: true }));

async function take(
  containerId: string,
  { cidr = "10.0.0.0/29", isAlive = everybody } = {},
): Promise<string> {
  const range = rangeOf({ subnet: cidr, gateway: "10.0.0.1", asked: false });
  return await takeLease(paths, lessee(containerId, isAlive), range);
}

const lessee = (containerId: string, isAlive = everybody) => ({
  network: NETWORK,
  networkName: "front",
  containerId,
  isAlive,
});

const held = (): string[] => readdirSync(join(networkRunDir(paths, NETWORK), "leases")).sort();

describe("taking", () => {
  test("gives the lowest free address after the gateway's", async () => {
    expect(await take("a")).toBe("10.0.0.2");
    expect(await take("b")).toBe("10.0.0.3");
    await releaseLeases(paths, NETWORK, "a");
    expect(await take("c")).toBe("10.0.0.2");
    expect(readlinkSync(leasePath(paths, NETWORK, "10.0.0.2"))).toBe("c");
  });

  test("never gives the gateway's and the broadcast address, and fails when all others are taken", async () => {
    const given = [];
    for (const id of ["a", "b", "c", "d", "e"]) given.push(await take(id));
    expect(given).toEqual(["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
    await expect(take("f")).rejects.toMatchObject({
      code: "ERR_TSRUN_NETWORK_NO_ADDRESS",
      message: expect.stringContaining("10.0.0.0/29"),
    });
    expect(held()).toHaveLength(5);
  });

  test("gives a hundred at once distinct addresses", async () => {
    const ids = Array.from({ length: 100 }, (_, index) => `c${index}`);
    const addresses = await Promise.all(ids.map((id) => take(id, { cidr: "10.0.0.0/24" })));
    expect(new Set(addresses).size).toBe(100);
  });
});

describe("an address that was asked for", () => {
  test("is refused by the name of the container that has it", async () => {
    expect(await takeAddress(paths, lessee("a"), "10.0.0.9")).toBe("10.0.0.9");
    writeEndpoint(paths, endpoint({ networkId: NETWORK, containerId: "a", name: "db" }));
    await expect(takeAddress(paths, lessee("b"), "10.0.0.9")).rejects.toMatchObject({
      code: "ERR_TSRUN_NETWORK_ADDRESS_IN_USE",
      message: "Address already in use: container db has 10.0.0.9 on network front",
    });
  });

  test("is had again by who has it, and by others after a crash", async () => {
    await takeAddress(paths, lessee("a"), "10.0.0.9");
    await takeAddress(paths, lessee("a"), "10.0.0.9");
    await takeAddress(
      paths,
      lessee("b", (id) => id === "b"),
      "10.0.0.9",
    );
    expect(readlinkSync(leasePath(paths, NETWORK, "10.0.0.9"))).toBe("b");
  });
});

describe("an owner that is gone", () => {
  const onlyAlive =
    (...ids: string[]): IsAlive =>
    (id) =>
      ids.includes(id);

  test("loses its address to the next container", async () => {
    await take("dead");
    await take("living");
    expect(await take("new", { isAlive: onlyAlive("living", "new") })).toBe("10.0.0.2");
    expect(held()).toEqual(["10.0.0.2", "10.0.0.3"]);
  });

  test("is found among very many when addresses run out", async () => {
    const cidr = "10.0.0.0/25";
    for (let index = 0; index < 125; index++) await take(`c${index}`, { cidr });
    const isAlive: IsAlive = (id) => id !== "c77";
    expect(await take("new", { cidr, isAlive })).toBe("10.0.0.79");
    await expect(take("one more", { cidr, isAlive })).rejects.toMatchObject({
      code: "ERR_TSRUN_NETWORK_NO_ADDRESS",
    });
  });
});

describe("releasing", () => {
  test("gives back all that one container holds and nothing else", async () => {
    await take("a");
    await take("b");
    await take("a");
    await releaseLeases(paths, NETWORK, "a");
    expect(held()).toEqual(["10.0.0.3"]);
  });

  test("is no error where there is nothing", async () => {
    await releaseLeases(paths, NETWORK, "a");
  });
});
