/**
 * tsrun beside its peers, interleaved in one run on one machine:
 *
 *     npm run bench                          30 rounds, an image of 277 MB
 *     npm run bench -- --quick               under two minutes, without "network" and "many"
 *     npm run bench -- --check               fails where a promise of promises.ts is missed
 *     npm run bench -- --only none,exec      some of: none, bridge, oci, exec, pull, build, library, memory, network, many
 *     npm run bench -- --peers tsrun,podman
 *
 * Needs root (sudo is called) and the packages of `scripts/setup --bench`. Everything happens in a network and mount
 * namespace of its own, with every peer's data in one new folder below /var/tmp.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startRegistry } from "../support/registry.ts";
import {
  absentCgroups,
  enterTestHost,
  hideHybridCgroup,
  removeCgroups,
  removeTree,
  shadowFolders,
} from "./host.ts";
import { busyboxLayer, debianSizedLayers } from "./images.ts";
import { measure, type Results } from "./measure.ts";
import type { Peer } from "./peer.ts";
import { dockerPeer } from "./peers/docker.ts";
import { ociPeer } from "./peers/oci.ts";
import { podmanPeer } from "./peers/podman.ts";
import { tsrunPeer } from "./peers/tsrun.ts";
import { logTo } from "./process.ts";
import { missedPromises, report } from "./report.ts";

const all = [tsrunPeer(), dockerPeer(), podmanPeer(), ociPeer("runc"), ociPeer("crun")];

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    only: { type: "string" },
    peers: { type: "string", default: all.map((peer) => peer.name).join() },
  },
});

const usual = "none,bridge,oci,exec,pull,library,memory";
const only = (values.only ?? (values.quick ? usual : `${usual},network,many`)).split(",");

function choosePeers(names: string): Peer[] {
  const peers = names.split(",").map((name) => {
    const peer = all.find((candidate) => candidate.name === name);
    if (peer === undefined)
      throw new Error(`no peer "${name}": there are ${all.map(({ name }) => name).join(", ")}`);
    return peer;
  });
  const exists = (program: string) => spawnSync("sh", ["-c", 'command -v "$1"', "sh", program]).status === 0;
  const tools = only.includes("network") ? ["iperf3", "nsenter", "iptables"] : [];
  const missing = [...peers.flatMap((peer) => peer.programs), ...tools].filter((program) => !exists(program));
  if (missing.length > 0) throw new Error(`missing ${missing.join(", ")}: run scripts/setup --bench`);
  return peers;
}

async function bench(peers: Peer[]): Promise<Results> {
  const note = (text: string) => process.stderr.write(`${text}\n`);
  const absentBefore = absentCgroups();
  const dir = mkdtempSync("/var/tmp/tsrun-bench-");
  const rootfs = join(dir, "rootfs");
  mkdirSync(rootfs);
  logTo(join(dir, "last-command.log"));
  const removeShadows = shadowFolders(dir);
  hideHybridCgroup();
  const registry = await startRegistry();
  const started: Peer[] = [];
  try {
    note("making the images");
    const image = { architecture: process.arch === "x64" ? "amd64" : process.arch };
    const config = { Env: ["PATH=/bin"], Cmd: ["sh"] };
    await registry.pushImage("bench/busybox", ["latest"], {
      ...image,
      config,
      layers: [busyboxLayer(rootfs)],
    });
    const size = (values.quick ? 60 : 277) * 1_000_000;
    if (only.includes("pull")) {
      await registry.pushImage("bench/debian", ["latest"], { ...image, layers: debianSizedLayers(size) });
    }
    const world = { dir, rootfs, registry: registry.host };
    for (const peer of peers) {
      note(`starting ${peer.name}`);
      started.push(peer);
      await peer.start(world);
    }
    return await measure(peers, { world, quick: values.quick, only, note });
  } finally {
    for (const peer of started.reverse()) await peer.stop?.();
    await registry.stop();
    removeCgroups(absentBefore);
    removeShadows();
    removeTree(dir);
  }
}

// npm puts node_modules/.bin first on PATH; dockerd, runc and friends are in sbin.
process.env.PATH = `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`;
enterTestHost();
// A Ctrl-C reaches the command being timed, too: its failure ends the bench, which then cleans up.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});
try {
  const results = await bench(choosePeers(values.peers));
  console.log(report(results));
  const missed = values.check ? missedPromises(results) : [];
  for (const promise of missed) console.log(`missed: ${promise}`);
  process.exitCode = missed.length > 0 ? 1 : 0;
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exitCode = 2;
}
