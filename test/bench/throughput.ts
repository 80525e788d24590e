/**
 * What the network carries, by iperf3 over TCP: from a container to its neighbour, from the host to a container, and
 * from the host to a port published on its 127.0.0.1. The host's iperf3 runs in the containers' network namespaces:
 * the network is measured, and no image.
 */
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import type { Command, Peer, Wire, World } from "./peer.ts";
import { output, startDaemon, stopDaemon, time, until } from "./process.ts";
import type { Route } from "./promises.ts";

/** Gbit/s of every round, by peer. */
export type Throughput = Map<Route, Map<string, number[]>>;

const SECONDS = 1;
const SERVER_PORT = 5201;
const FIRST_HOST_PORT = 15201;

interface Site {
  peer: string;
  wire: Wire;
  names: string[];
  server?: ChildProcess;
  clients: Record<Route, Command>;
}

/** Peers without a wire are left out; who goes first changes from round to round. */
export async function measureThroughput(
  peers: Peer[],
  { image, rounds, world }: { image: string; rounds: number; world: World },
): Promise<Throughput> {
  const sites: Site[] = [];
  try {
    for (const { name, wire } of peers) {
      if (wire === undefined) continue;
      const site = { peer: name, wire, names: [`bench-${name}-server`, `bench-${name}-client`] };
      sites.push(await build(site, { image, world, hostPort: FIRST_HOST_PORT + sites.length }));
    }
    return await takeRounds(sites, rounds);
  } finally {
    for (const { wire, names, server } of sites) {
      await stopDaemon(server);
      await time(wire.remove(names));
    }
  }
}

async function build(
  { peer, wire, names }: Pick<Site, "peer" | "wire" | "names">,
  { image, world, hostPort }: { image: string; world: World; hostPort: number },
): Promise<Site> {
  const [serverName = "", clientName = ""] = names;
  await time(wire.start(image, serverName, { hostPort, containerPort: SERVER_PORT }));
  await time(wire.start(image, clientName));
  // Docker lets through what its containers send, and may drop the rest: on a host of both, the rest is tsrun's.
  if (peer === "docker") await time({ argv: ["iptables", "-P", "FORWARD", "ACCEPT"] });
  const [pid = "", address = ""] = (await output(wire.look(serverName))).trim().split(" ");
  const [clientPid = ""] = (await output(wire.look(clientName))).trim().split(" ");
  const server = startDaemon(
    ["nsenter", "-t", pid, "-n", "iperf3", "-s"],
    join(world.dir, `iperf3-${peer}.log`),
  );
  const clients = {
    neighbour: client(address, { inside: clientPid }),
    host: client(address),
    published: client("127.0.0.1", { port: hostPort }),
  };
  await until(`iperf3 in ${serverName}`, 5, { argv: [...clients.host.argv, "-n", "1K"] });
  return { peer, wire, names, server, clients };
}

function client(
  address: string,
  { inside, port = SERVER_PORT }: { inside?: string; port?: number } = {},
): Command {
  const enter = inside === undefined ? [] : ["nsenter", "-t", inside, "-n"];
  const [program = "", ...args] = [...enter, "iperf3", "-c", address, "-p", String(port), "-J"];
  return { argv: [program, ...args] };
}

async function takeRounds(sites: Site[], rounds: number): Promise<Throughput> {
  const routes = ["neighbour", "host", "published"] as const;
  const found: Throughput = new Map(
    routes.map((route) => [route, new Map(sites.map(({ peer }) => [peer, []]))]),
  );
  for (let round = 0; round < rounds; round++) {
    for (const route of routes) {
      for (let turn = 0; turn < sites.length; turn++) {
        const { peer, clients } = sites[(turn + round) % sites.length] as Site;
        const { argv } = clients[route];
        found
          .get(route)
          ?.get(peer)
          ?.push(gigabits(await output({ argv: [...argv, "-t", String(SECONDS)] })));
      }
    }
  }
  return found;
}

interface Iperf {
  error?: string;
  end: { sum_received?: { bits_per_second: number } };
}

function gigabits(json: string): number {
  const { error, end } = JSON.parse(json) as Iperf;
  if (error !== undefined || end.sum_received === undefined)
    throw new Error(`iperf3: ${error ?? "no result"}`);
  return end.sum_received.bits_per_second / 1e9;
}
