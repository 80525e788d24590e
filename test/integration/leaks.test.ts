/** The leak check itself: each kind of leak is found, and what is meant to stay is not taken for one. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NETLINK_ROUTE, openNetlink } from "../../src/kernel/netlink.ts";
import { createBridge, deleteLink } from "../../src/kernel/netlink-link.ts";
import { runNft } from "../../src/kernel/nftables.ts";
import { BRIDGE } from "../../src/network/predefined.ts";
import { tryLock } from "../../src/store/locks.ts";
import { type Instance, leaksSince, type Snapshot, snapshot } from "../support/leaks.ts";
import { assertTestHost } from "../support/test-host.ts";

assertTestHost();

let instance: Instance;
let before: Snapshot;
let resources: AsyncDisposableStack;

beforeEach(() => {
  resources = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), "tsrun-leaks-"));
  resources.defer(() => rmSync(directory, { recursive: true }));
  instance = { root: join(directory, "root"), run: join(directory, "run") };
  mkdirSync(instance.root);
  mkdirSync(instance.run);
  before = snapshot(instance);
});

/** Nothing here goes away by itself, so there is nothing to wait for. */
const leaks = (): Promise<string[]> => leaksSince(before, instance, 0);

afterEach(() => resources.disposeAsync());

test("a host on which nothing happened is clean", async () => {
  expect(await leaks()).toEqual([]);
});

test("links and tables are leaks, the default network is none", async () => {
  const route = resources.use(openNetlink(NETLINK_ROUTE));
  // tsrun0 itself may be there already, from another file of this run.
  for (const name of ["tsrun99", "leaked0"]) {
    route.request(createBridge(name, "02:00:00:00:00:01"));
    resources.defer(() => void route.request(deleteLink(name)));
    runNft(`table ip ${name}`);
    resources.defer(() => void runNft(`delete table ip ${name}`));
  }
  expect(await leaks()).toEqual([expect.stringMatching(/^link leaked0 /), "packet filter table ip leaked0"]);
});

test("a lease, and a lock that is held", async () => {
  const leases = join(instance.run, "networks", BRIDGE.id, "leases");
  mkdirSync(leases, { recursive: true });
  symlinkSync("abc", join(leases, "172.17.0.2"));
  const path = join(instance.run, "locks", "x");
  const held = tryLock(path);
  const found = await leaks();
  held?.release();
  expect(found).toEqual([
    `lease ${leases}/172.17.0.2 of abc`,
    expect.stringMatching(`^lock ${path}: FLOCK WRITE by process ${process.pid}$`),
  ]);
  rmSync(join(leases, "172.17.0.2"));
  expect(await leaks()).toEqual([]);
});

test("a container's cgroup", async () => {
  const pids = "/sys/fs/cgroup/pids";
  const path = join(existsSync(pids) ? pids : "/sys/fs/cgroup", `tsrun-leaks-${process.pid}`);
  mkdirSync(path);
  resources.defer(() => rmdirSync(path));
  expect(await leaks()).toEqual([`cgroup ${path}`]);
});

test("a process that has the instance mounted in its own mount namespace", async () => {
  const script = `mount -t tmpfs tmpfs ${instance.root} && echo mounted && exec sleep 600`;
  const child = spawn("unshare", ["--mount", "--propagation", "private", "sh", "-c", script]);
  resources.defer(async () => {
    child.kill();
    await once(child, "exit");
  });
  await once(child.stdout, "data");
  expect(await leaks()).toEqual([expect.stringMatching(`^process ${child.pid} \\(`)]);
});
