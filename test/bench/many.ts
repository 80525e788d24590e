/**
 * Many containers at once: 200 that sleep, on a bridge network, started one by one by 8 processes side by side until
 * all run, listed, and removed by 8 processes. One turn takes a peer a minute, so there are few.
 */
import { readdirSync, readFileSync } from "node:fs";
import { memoryOf } from "./monitor.ts";
import type { Crowd, Peer } from "./peer.ts";
import { output, time } from "./process.ts";
import { median } from "./statistics.ts";

const CONTAINERS = 200;
const PROCESSES = 8;

/** Milliseconds of one turn. */
interface Turn {
  start: number;
  list: number;
  remove: number;
}

export interface ManyResults {
  /** Milliseconds of every turn's whole, by peer. */
  times: Map<string, number[]>;
  /** "start 8.1 s, ps 0.10 s, rm 3.2 s", by peer. */
  parts: Map<string, string>;
  /** MiB (PSS) of what stays beside each container while it idles, by peer. */
  memory: Map<string, number>;
}

/** Peers without a crowd are left out; who goes first changes from round to round. */
export async function measureMany(peers: Peer[], image: string, rounds: number): Promise<ManyResults> {
  const crowds = peers.flatMap(({ name, crowd }) => (crowd === undefined ? [] : [{ name, crowd }]));
  const turns = new Map(crowds.map(({ name }) => [name, [] as Turn[]]));
  const memory = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < crowds.length; turn++) {
      const { name, crowd } = crowds[(turn + round) % crowds.length] as (typeof crowds)[number];
      turns.get(name)?.push(await takeTurn(crowd, image, (mebibytes) => memory.set(name, mebibytes)));
    }
  }
  const whole = ({ start, list, remove }: Turn) => start + list + remove;
  const each = <T>(value: (turns: Turn[]) => T) =>
    new Map([...turns].map(([name, all]) => [name, value(all)]));
  return { times: each((all) => all.map(whole)), parts: each(describe), memory };
}

async function takeTurn(crowd: Crowd, image: string, onMemory: (mebibytes: number) => void): Promise<Turn> {
  const names = Array.from({ length: CONTAINERS }, (_, index) => `bench-many-${index}`);
  const shares = Array.from({ length: PROCESSES }, (_, process) =>
    names.filter((_, index) => index % PROCESSES === process),
  );
  try {
    const start = await stopwatch(() =>
      Promise.all(
        shares.map(async (share) => {
          for (const name of share) await time(crowd.start(image, name));
        }),
      ),
    );
    let running: string[] = [];
    const list = await stopwatch(async () => {
      running = (await output(crowd.list())).split("\n").filter((name) => name.startsWith("bench-many-"));
    });
    if (new Set(running).size !== CONTAINERS || running.length !== CONTAINERS)
      throw new Error(`of ${CONTAINERS} containers ${running.length} are listed as running`);
    onMemory(attendance(crowd) / CONTAINERS);
    const remove = await stopwatch(() => Promise.all(shares.map((share) => time(crowd.remove(share)))));
    return { start, list, remove };
  } catch (error) {
    await time(crowd.remove(names)).catch(() => {});
    throw error;
  }
}

async function stopwatch(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** MiB of all processes of the peer that attend to its containers. */
function attendance({ attendant }: Crowd): number {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && commandOf(name).match(attendant));
  return pids.map(memoryIfAny).reduce((sum, mebibytes) => sum + mebibytes, 0);
}

function memoryIfAny(pid: string): number {
  try {
    return memoryOf(pid);
  } catch {
    return 0; // it has ended
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return ""; // it has ended
  }
}

function describe(turns: Turn[]): string {
  const seconds = (part: keyof Turn) => `${(median(turns.map((turn) => turn[part])) / 1000).toFixed(2)} s`;
  return `start ${seconds("start")}, ps ${seconds("list")}, rm ${seconds("remove")}`;
}
