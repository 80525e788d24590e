/** The measurements, one workload after the other. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { measureBuild } from "./build.ts";
import { type ManyResults, measureMany } from "./many.ts";
import { monitorPss } from "./monitor.ts";
import type { Peer, World } from "./peer.ts";
import { tsrunPaths } from "./peers/tsrun.ts";
import { time } from "./process.ts";
import type { Workload } from "./promises.ts";
import { measurePull, type PullResults } from "./pull.ts";
import { measureThroughput, type Throughput } from "./throughput.ts";
import { type Times, takeTurns, turnsOf } from "./turns.ts";

export interface Results {
  peers: string[];
  /** Milliseconds of every round, by workload and peer. */
  times: Map<Workload, Times>;
  /** Milliseconds of `node -e 0`, the floor under everything that starts Node. */
  node: number[];
  /** Milliseconds from the library's call to the container's first instruction; the first one is cold. */
  library?: number[];
  /** MiB. */
  monitor?: number;
  pull?: PullResults;
  many?: ManyResults;
  throughput?: Throughput;
}

export interface MeasureOptions {
  world: World;
  quick: boolean;
  /** Workloads, "library", "memory" and "network". */
  only: string[];
  note: (text: string) => void;
}

/** Runs what `only` names, one workload after the other. */
export async function measure(peers: Peer[], options: MeasureOptions): Promise<Results> {
  const { world, only, note } = options;
  const rounds = options.quick ? 10 : 30;
  const busybox = `${world.registry}/bench/busybox:latest`;
  const debian = `${world.registry}/bench/debian:latest`;
  const withTsrun = peers.some((peer) => peer.name === "tsrun");
  for (const { command } of turnsOf(peers, (peer) => peer.pull?.(busybox))) await time(command);

  const node = await takeTurns([{ peer: "node", command: { argv: [process.execPath, "-e", "0"] } }], 10);
  const results: Results = {
    peers: peers.map((peer) => peer.name),
    times: new Map(),
    node: node.get("node") ?? [],
  };
  for (const network of ["none", "bridge"] as const) {
    if (!only.includes(network)) continue;
    note(`run --rm --network ${network}`);
    results.times.set(
      network,
      await takeTurns(
        turnsOf(peers, (peer) => peer.run(busybox, network)),
        rounds,
      ),
    );
  }
  if (only.includes("oci")) {
    note("run of a bundle");
    results.times.set(
      "oci",
      await takeTurns(
        turnsOf(peers, (peer) => peer.bundle?.()),
        rounds,
      ),
    );
  }
  if (only.includes("exec") || only.includes("memory")) {
    note("exec, memory");
    await withSleepers(peers, busybox, async () => {
      if (only.includes("memory") && withTsrun) results.monitor = monitorPss(tsrunPaths(world.dir).root);
      if (only.includes("exec")) {
        results.times.set(
          "exec",
          await takeTurns(
            turnsOf(peers, (peer) => peer.exec()),
            rounds,
          ),
        );
      }
    });
  }
  if (only.includes("library") && withTsrun) {
    note("library");
    // What V8 compiles with time belongs to a program that starts many.
    results.library = measureLibrary(world, busybox, 4 * rounds);
  }
  if (only.includes("pull")) {
    note("pull and unpack");
    results.pull = await measurePull(peers, { world, image: debian, rounds: options.quick ? 3 : 5 });
    results.times.set("pull", results.pull.times);
  }
  if (only.includes("build")) {
    note("build");
    const built = await measureBuild(peers, { world, image: busybox, rounds: options.quick ? 3 : 9 });
    for (const [workload, times] of built) results.times.set(workload, times);
  }
  if (only.includes("network")) {
    note("network throughput");
    const image = busybox;
    results.throughput = await measureThroughput(peers, { image, rounds: options.quick ? 3 : 9, world });
  }
  if (only.includes("many")) {
    note("200 containers");
    results.many = await measureMany(peers, busybox, options.quick ? 1 : 3);
    results.times.set("many", results.many.times);
  }
  return results;
}

/** Runs `use` while each peer has a container that sleeps. */
async function withSleepers(peers: Peer[], image: string, use: () => Promise<void>): Promise<void> {
  const started: Peer[] = [];
  try {
    for (const peer of peers) {
      await time(peer.startSleeper(image));
      started.push(peer);
    }
    await use();
  } finally {
    for (const peer of started) await time(peer.removeSleeper());
  }
}

function measureLibrary(world: World, image: string, rounds: number): number[] {
  const { root, run } = tsrunPaths(world.dir);
  const program = join(import.meta.dirname, "library.ts");
  const args = [program, root, run, image, String(rounds + 1)];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`library.ts: ${stderr}`);
  return JSON.parse(stdout) as number[];
}
