/** The results as a table, and against the promises. */
import type { Results } from "./measure.ts";
import {
  bridge,
  libraryLatency,
  monitorMemory,
  pullMemory,
  type Route,
  ratios,
  throughput,
  upToDateRatio,
  type Workload,
} from "./promises.ts";
import { median, table } from "./statistics.ts";
import type { Throughput } from "./throughput.ts";

const titles: Record<Workload, string> = {
  none: "run --rm --network none",
  bridge: "run --rm --network bridge",
  exec: "exec",
  pull: "pull and unpack",
  many: "200 containers, 8 at a time",
  oci: "a bundle's run",
  "build-cold": "build of 12 steps",
  "build-warm": "build from the cache",
  "build-late": "build after a late change",
};

const routes: Record<Route, string> = {
  neighbour: "container to container",
  host: "host to container",
  published: "host to a port of 127.0.0.1",
};

interface Ratio {
  workload: Workload;
  peer: string;
  ratio: number;
  promised: number;
}

function allRatios({ times }: Results): Ratio[] {
  const found: Ratio[] = [];
  for (const [workload, byPeer] of times) {
    const own = byPeer.get("tsrun");
    for (const [peer, promised] of Object.entries(ratios[workload])) {
      const theirs = byPeer.get(peer);
      if (own && theirs) found.push({ workload, peer, ratio: median(own) / median(theirs), promised });
    }
  }
  return found;
}

const AGAINST = ["docker", "podman", "runc"];

/** Medians in milliseconds, and tsrun's ratio to each peer that something is promised against. */
export function report(results: Results): string {
  const found = allRatios(results);
  const rows = [["median, ms", ...results.peers, ...AGAINST.map((peer) => `of ${peer}`)]];
  for (const [workload, byPeer] of results.times) {
    const medians = results.peers.map((peer) => {
      const times = byPeer.get(peer);
      return times === undefined ? "" : format(median(times));
    });
    const against = AGAINST.map((peer) => {
      const ratio = found.find((row) => row.workload === workload && row.peer === peer);
      return ratio === undefined ? "" : `${ratio.ratio.toFixed(2)} (<= ${ratio.promised.toFixed(2)})`;
    });
    rows.push([titles[workload], ...medians, ...against]);
  }
  rows.push(["for scale: node -e 0", format(median(results.node))]);
  const lines = [table(rows)];
  const network = ofBridge(results);
  if (network !== undefined)
    lines.push(`a container on a bridge: ${format(network.time)} ms (${bridgePromise(network.promised)})`);
  if (results.library !== undefined) {
    const [cold, ...warm] = results.library as [number, ...number[]];
    const figures = `${format(median(warm))} ms (<= ${libraryLatency}), the first ${format(cold)} ms`;
    lines.push(`library call to the container's first instruction: ${figures}`);
  }
  if (results.monitor !== undefined) {
    lines.push(`memory of a container's monitor: ${results.monitor.toFixed(2)} MiB (<= ${monitorMemory})`);
  }
  lines.push(...pullLines(results, found));
  if (results.throughput !== undefined) lines.push("", throughputTable(results.throughput));
  for (const [peer, parts] of results.many?.parts ?? []) {
    const memory = results.many?.memory.get(peer)?.toFixed(2);
    lines.push(`200 containers of ${peer}: ${parts}; ${memory} MiB beside each`);
  }
  return lines.join("\n");
}

function pullLines({ pull }: Results, found: Ratio[]): string[] {
  const lines: string[] = [];
  const skopeo = found.find(({ peer }) => peer === "skopeo");
  if (pull && skopeo) {
    const theirs = format(median(pull.times.get("skopeo") ?? []));
    const figures = `${skopeo.ratio.toFixed(2)} (<= ${skopeo.promised.toFixed(2)})`;
    lines.push(`pull and unpack, of skopeo's copy to a folder in ${theirs} ms: ${figures}`);
  }
  if (pull?.upToDate) {
    const { tsrun, bare } = pull.upToDate;
    const figures = `${(tsrun / bare).toFixed(2)} (<= ${upToDateRatio.toFixed(2)})`;
    lines.push(`pull of what is there: ${format(tsrun)} ms, of node asking for the manifest: ${figures}`);
  }
  if (pull?.memory) lines.push(`memory of a pull: ${pull.memory.toFixed(0)} MiB (<= ${pullMemory})`);
  return lines;
}

/** Medians in Gbit/s. */
function throughputTable(measured: Throughput): string {
  const [peers = []] = [...measured.values()].map((byPeer) => [...byPeer.keys()]);
  const rows = [...measured].map(([route, byPeer]) => {
    const medians = [...byPeer.values()].map((values) => median(values).toFixed(1));
    const ratio = ofDocker(byPeer);
    const against = Number.isNaN(ratio) ? "" : `${ratio.toFixed(2)} (>= ${throughput[route].toFixed(2)})`;
    return [routes[route], ...medians, against];
  });
  return table([["median, Gbit/s", ...peers, "of docker"], ...rows]);
}

/** NaN where one of the two was not measured. */
const ofDocker = (byPeer: ReadonlyMap<string, number[]>): number =>
  median(byPeer.get("tsrun") ?? []) / median(byPeer.get("docker") ?? []);

/** Both of tsrun in this run; undefined where one of the two was not measured. */
function ofBridge({ times }: Results): { time: number; promised: number } | undefined {
  const [none, time] = (["none", "bridge"] as const).map((workload) => times.get(workload)?.get("tsrun"));
  if (none === undefined || time === undefined) return undefined;
  return { time: median(time), promised: median(none) * bridge.ratio + bridge.milliseconds };
}

const bridgePromise = (milliseconds: number): string =>
  `<= ${format(milliseconds)}, ${bridge.ratio} of none and ${bridge.milliseconds}`;

/** Each missed promise in words. */
export function missedPromises(results: Results): string[] {
  const missed = allRatios(results)
    .filter(({ ratio, promised }) => ratio > promised)
    .map(({ workload, peer, ratio, promised }) => {
      return `${titles[workload]}: ${ratio.toFixed(2)} of ${peer}'s time, promised ${promised.toFixed(2)}`;
    });
  const network = ofBridge(results);
  if (network !== undefined && network.time > network.promised) {
    missed.push(
      `a container on a bridge: ${format(network.time)} ms, promised ${bridgePromise(network.promised)}`,
    );
  }
  const warm = median(results.library?.slice(1) ?? []);
  if (warm > libraryLatency) missed.push(`library: ${format(warm)} ms, promised ${libraryLatency} ms`);
  const { upToDate, memory: ofPull = 0 } = results.pull ?? {};
  if (upToDate && upToDate.tsrun / upToDate.bare > upToDateRatio) {
    const ratio = (upToDate.tsrun / upToDate.bare).toFixed(2);
    missed.push(`pull of what is there: ${ratio} of a bare request's time, promised ${upToDateRatio}`);
  }
  if (ofPull > pullMemory)
    missed.push(`memory of a pull: ${ofPull.toFixed(0)} MiB, promised ${pullMemory} MiB`);
  const memory = Math.max(results.monitor ?? 0, results.many?.memory.get("tsrun") ?? 0);
  if (memory > monitorMemory) missed.push(`monitor: ${memory.toFixed(2)} MiB, promised ${monitorMemory} MiB`);
  for (const [route, byPeer] of results.throughput ?? []) {
    const ratio = ofDocker(byPeer);
    if (ratio < throughput[route])
      missed.push(
        `${routes[route]}: ${ratio.toFixed(2)} of docker's throughput, promised ${throughput[route]}`,
      );
  }
  return missed;
}

function format(milliseconds: number): string {
  return milliseconds < 100 ? milliseconds.toFixed(1) : milliseconds.toFixed(0);
}
