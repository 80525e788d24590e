/**
 * A pull of an image of Debian's size: the time until it is verified and unpacked, beside the peers and `skopeo copy`
 * to a folder, which unpacks nothing; what memory that takes; and the time of a pull that brings nothing, beside the
 * least that would have to be done: a node that loads the HTTP client and asks for the manifest.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Command, Peer, World } from "./peer.ts";
import { time } from "./process.ts";
import { median } from "./statistics.ts";
import { type Times, type Turn, takeTurns, turnsOf } from "./turns.ts";

export interface PullResults {
  /** Milliseconds of every round, by peer; skopeo is one where it is installed. */
  times: Times;
  /** Milliseconds of a pull without anything new, and of the bare request for the manifest. */
  upToDate?: { tsrun: number; bare: number };
  /** MiB: the most that the process of one pull ever had resident. */
  memory?: number;
}

interface Options {
  world: World;
  image: string;
  rounds: number;
}

const UP_TO_DATE_ROUNDS = 15;

export async function measurePull(peers: Peer[], { world, image, rounds }: Options): Promise<PullResults> {
  const turns = turnsOf(
    peers,
    (peer) => peer.pull?.(image),
    (peer) => peer.removeImage?.(image),
  );
  if (spawnSync("skopeo", ["--version"]).status === 0) turns.push(skopeo(world, image));
  // There must be something to remove before the first round.
  for (const { command } of turns) await time(command);
  const times = await takeTurns(turns, rounds);
  const tsrun = turns.find(({ peer }) => peer === "tsrun");
  if (tsrun === undefined) return { times };
  const memory = await memoryOf(tsrun);
  return { times, upToDate: await measureUpToDate(tsrun.command, image), memory };
}

function skopeo({ dir }: World, image: string): Turn {
  const folder = join(dir, "skopeo");
  const copy = ["copy", "--quiet", "--src-tls-verify=false", `docker://${image}`, `dir:${folder}`] as const;
  return {
    peer: "skopeo",
    command: { argv: ["skopeo", ...copy] },
    before: { argv: ["rm", "-rf", folder] },
  };
}

async function measureUpToDate(pull: Command, image: string): Promise<{ tsrun: number; bare: number }> {
  const [, host, repository, tag] = /^([^/]+)\/(.+):([^:]+)$/.exec(image) ?? [];
  const program = fileURLToPath(new URL("manifest.cjs", import.meta.url));
  const bare: Command = {
    argv: [process.execPath, program, `http://${host}/v2/${repository}/manifests/${tag}`],
  };
  const times = await takeTurns(
    [
      { peer: "tsrun", command: pull },
      { peer: "bare", command: bare },
    ],
    UP_TO_DATE_ROUNDS,
  );
  return { tsrun: median(times.get("tsrun") ?? []), bare: median(times.get("bare") ?? []) };
}

/** The process is looked at while it runs: VmHWM of proc_pid_status(5) is the most that it had so far. */
async function memoryOf({ command, before }: Turn): Promise<number> {
  if (before !== undefined) await time(before);
  const [program, ...args] = command.argv;
  const child = spawn(program, args, { env: { ...process.env, ...command.env }, stdio: "ignore" });
  const ended = once(child, "exit");
  let most = 0;
  while (child.exitCode === null && child.signalCode === null) {
    most = Math.max(most, peakOf(child.pid as number));
    await Promise.race([sleep(5), ended]);
  }
  if (child.exitCode !== 0) throw new Error(`${command.argv.join(" ")}: exit status ${child.exitCode}`);
  return most / 1024;
}

/** In KiB; 0 of a process that has given its memory back already. */
function peakOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
