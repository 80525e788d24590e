import { expect, test } from "vitest";
import type { OciNamespaceType } from "../../../../src/runtime/oci.ts";
import { placeOf, planOf, stepsOf, typicalConfig } from "./typical.ts";

function configWithout(...joined: OciNamespaceType[]) {
  const config = typicalConfig();
  const namespaces = config.linux.namespaces.filter(({ type }) => !joined.includes(type));
  return { ...config, linux: { ...config.linux, namespaces } };
}

test("a pid namespace is joined by a process in between, before the clone that makes none", () => {
  const plan = planOf(configWithout("pid"), { joined: ["pid"] });
  expect(plan.fds).toContain("ns:pid");
  expect(plan.steps.slice(0, 3)).toMatchObject([
    { op: "fork" },
    { op: "setns", fd: "ns:pid", flags: ["CLONE_NEWPID"] },
    { op: "clone" },
  ]);
  expect(stepsOf(plan, "clone")[0]?.flags).not.toContain("CLONE_NEWPID");
});

test("a /proc is mounted after it, which shows those processes", () => {
  const plan = planOf(configWithout("pid"), { joined: ["pid"] });
  expect(placeOf(plan, { op: "mount", fstype: "proc" })).toBeGreaterThan(placeOf(plan, { op: "clone" }));
});

test("with an ipc namespace comes its shared memory, out of the other's mounts, which are not trusted", () => {
  const config = configWithout("ipc");
  config.mounts.push({
    destination: "/dev/shm",
    type: "bind",
    source: "/dev/shm",
    options: ["bind", "rprivate", "nosuid", "nodev", "noexec"],
    tsrun: { isDirectory: true, joined: true },
  });
  const plan = planOf(config, { joined: ["ipc"] });
  expect(plan.fds).toEqual(expect.arrayContaining(["ns:ipc", "ns:mount:joined", "ns:mount:own"]));
  expect(plan.steps.slice(0, 5)).toMatchObject([
    { op: "fork" },
    { op: "setns", fd: "ns:mount:joined" },
    { op: "openTree", path: "dev/shm", within: "/", slot: "bind:/dev/shm" },
    { op: "setns", fd: "ns:mount:own" },
    { op: "clone" },
  ]);
  expect(stepsOf(plan, "openTree").filter(({ slot }) => slot === "bind:/dev/shm")).toHaveLength(1);
  const set = placeOf(plan, { op: "treeSetattr", slot: "bind:/dev/shm", propagation: null });
  const moved = placeOf(plan, { op: "moveMount", slot: "bind:/dev/shm" });
  expect(set).toBeLessThan(moved);
  expect(placeOf(plan, { op: "setns", fd: "ns:ipc" })).toBeGreaterThan(placeOf(plan, { op: "clone" }));
});

test("a directory of the user's on /dev/shm is left alone, and the other's mounts are not looked at", () => {
  const plan = planOf(configWithout("ipc"), { joined: ["ipc"] });
  expect(stepsOf(plan, "setns").map(({ fd }) => fd)).toEqual(["ns:ipc", "netns"]);
});

test("nothing of it is in the Plan of a container that joins none", () => {
  expect(stepsOf(planOf(typicalConfig()), "fork")).toEqual([]);
});
