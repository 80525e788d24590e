/**
 * Many networks at once, by eight processes: every subnet and every address is given out once, all names are found on
 * their own networks and no others, and nothing is left in the end. TSRUN_TEST_NETWORKS=100 for the full size.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { CliResult } from "../support/cli.ts";
import { dataOf, openNameClients } from "../support/name-client.ts";
import { useHost } from "./support/host.ts";

const NETWORKS = Number(process.env["TSRUN_TEST_NETWORKS"] ?? 16);
const CONTAINERS = 3;
const PROCESSES = 8;
const IMAGE = "tsrun/base";

const host = useHost({ pull: [IMAGE] });
const { output, tsrun } = host;
const networks = Array.from({ length: NETWORKS }, (_, index) => `net-${index}`);

/** Runs `act` on all items, so many at a time. */
async function spread<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const lane = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await act(item);
  };
  await Promise.all(Array.from({ length: PROCESSES }, lane));
}

const succeeded = ({ code, stderr }: CliResult): void =>
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
const linesOf = async (line: string): Promise<string[]> =>
  (await host.shell(line)).stdout.split("\n").filter(Boolean);
const bridges = (): Promise<string[]> => linesOf("ip -br link show type bridge | grep ^br- | cut -d' ' -f1");

const names = (): string[] =>
  networks.flatMap((network) => Array.from({ length: CONTAINERS }, (_, number) => `${network}-${number}`));

/** The questions that were not answered as they should: each container asks for those of its network, and for another one. */
async function unresolved(): Promise<string[]> {
  const format = "{{.Name}} {{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
  const rows = (await output("inspect", "-f", format, ...names()))
    .split("\n")
    .map((row) => row.slice(1).split(" "));
  const addresses = new Map(rows.map(([name = "", , address]) => [name, address]));
  const failed: string[] = [];
  for (const [name = "", pid] of rows) {
    const network = name.replace(/-\d+$/, "");
    const [client] = openNameClients(Number(pid));
    for (const asked of names().filter((each) => each.startsWith(`${network}-`))) {
      const answer = dataOf(await client?.ask(asked));
      if (answer.join() !== addresses.get(asked)) failed.push(`${name} asks for ${asked}: ${answer}`);
    }
    const stranger = network === networks[0] ? `${networks[1]}-0` : `${networks[0]}-0`;
    if (dataOf(await client?.ask(`${stranger}.`)).length > 0) failed.push(`${name} finds ${stranger}`);
    client?.close();
  }
  return failed;
}

test("are made, used and removed", { timeout: 600_000 }, async () => {
  // Docker's own pools have room for 31 networks.
  host.configure({ "default-address-pools": [{ base: "10.200.0.0/14", size: 24 }] });
  await output("run", "--rm", IMAGE, "true"); // the default network stays
  const before = new Set(await linesOf("nft list ruleset"));

  await spread(networks, async (network) => {
    succeeded(await tsrun("network", "create", network));
    for (let number = 0; number < CONTAINERS; number++)
      succeeded(
        await tsrun(
          "run",
          "-d",
          "--name",
          `${network}-${number}`,
          "--network",
          network,
          IMAGE,
          "sleep",
          "100000",
        ),
      );
  });

  const format = "{{range .IPAM.Config}}{{.Subnet}} {{end}}{{range .Containers}}{{.IPv4Address}} {{end}}";
  const rows = (await output("network", "inspect", "-f", format, ...networks)).trim().split("\n");
  const [subnets, addresses] = [0, 1].map((part) =>
    rows.flatMap((row) => (part === 0 ? row.split(" ").slice(0, 1) : row.trim().split(" ").slice(1))),
  ) as [string[], string[]];
  expect(new Set(subnets).size).toBe(NETWORKS);
  expect(addresses).toHaveLength(NETWORKS * CONTAINERS);
  expect(new Set(addresses).size).toBe(NETWORKS * CONTAINERS);
  expect(await bridges()).toHaveLength(NETWORKS);
  // The subnets do not overlap, nor does the host have two routes to one.
  const routes = (await linesOf("ip route"))
    .filter((route) => / dev br-/.test(route))
    .map((route) => route.split(" ")[0]);
  expect(routes.sort()).toEqual(subnets.sort());
  expect(await unresolved()).toEqual([]);
  const [first = "", last = ""] = [networks[0], networks.at(-1)];
  expect((await tsrun("network", "rm", first)).stderr).toContain("has active endpoints");
  const neighbour = await output(
    "inspect",
    "-f",
    "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
    `${last}-1`,
  );
  expect(await output("exec", `${last}-0`, "ping", "-c1", "-W5", neighbour)).toContain("1 packets received");
  expect((await tsrun("exec", `${first}-0`, "ping", "-c1", "-W1", neighbour)).code).not.toBe(0);

  await spread(networks, async (network) => {
    const containers = Array.from({ length: CONTAINERS }, (_, number) => `${network}-${number}`);
    succeeded(await tsrun("rm", "-f", ...containers));
    succeeded(await tsrun("network", "rm", network));
  });
  expect(await output("network", "ls", "-q", "--filter", "type=custom")).toBe("");
  expect(await bridges()).toEqual([]);
  expect(new Set(await linesOf("nft list ruleset"))).toEqual(before);
  const left = (part: string): string[] =>
    existsSync(join(host.run, part)) ? readdirSync(join(host.run, part)) : [];
  expect(left("networks")).toHaveLength(1);
  expect(left("locks").filter((name) => /^(bridge|leases|network)-(?!b01d9e)/.test(name))).toEqual([]);
});
