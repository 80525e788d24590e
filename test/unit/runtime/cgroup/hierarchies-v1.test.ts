import { expect, test } from "vitest";
import {
  parseCgroupMounts,
  parseHierarchies,
  UNIFIED,
} from "../../../../src/runtime/cgroup/hierarchies-v1.ts";
import { directoryBelow, parseProcCgroup } from "../../../../src/runtime/cgroup/own.ts";
import { createV1Driver } from "../../../../src/runtime/cgroup/v1.ts";

const MOUNTINFO = `22 1 0:20 / /sys rw,relatime - sysfs sysfs rw
31 22 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/my\\040memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
42 31 0:32 / /mnt/again rw,relatime - cgroup cgroup rw,memory
43 31 0:39 / /sys/fs/cgroup/net_cls rw,relatime - cgroup cgroup rw,net_cls
`;

test("mounted controllers are found by name, each where it is mounted first", () => {
  expect([...parseHierarchies(MOUNTINFO)].sort()).toEqual([
    ["cpu", "/sys/fs/cgroup/cpu,cpuacct"],
    ["cpuacct", "/sys/fs/cgroup/cpu,cpuacct"],
    ["memory", "/sys/fs/cgroup/my memory"],
  ]);
});

test("controllers that are mounted together share one directory", () => {
  const cgroup = createV1Driver(parseHierarchies(MOUNTINFO)).open("/tsrun/x");
  expect(cgroup.directories).toEqual([
    "/sys/fs/cgroup/my memory/tsrun/x",
    "/sys/fs/cgroup/cpu,cpuacct/tsrun/x",
  ]);
  expect(cgroup.procsFiles).toEqual(cgroup.directories.map((directory) => `${directory}/tasks`));
  expect(cgroup.cloneInto).toBeUndefined();
  expect(cgroup.oomCounter).toEqual({
    file: "/sys/fs/cgroup/my memory/tsrun/x/memory.oom_control",
    key: "oom_kill",
  });
});

test("all hierarchies are listed, also those without controllers, and no flags of the mounts", () => {
  expect(parseCgroupMounts(MOUNTINFO).map(({ mountPoint, keys }) => [mountPoint, keys])).toEqual([
    ["/sys/fs/cgroup/cpu,cpuacct", ["cpu", "cpuacct"]],
    ["/sys/fs/cgroup/my memory", ["memory"]],
    ["/sys/fs/cgroup/systemd", ["name=systemd"]],
    ["/sys/fs/cgroup/unified", [UNIFIED]],
    ["/mnt/again", ["memory"]],
    ["/sys/fs/cgroup/net_cls", ["net_cls"]],
  ]);
});

test("beside v1's hierarchies the process is cloned into cgroup2", () => {
  const roots = new Map([
    ["pids", "/sys/fs/cgroup/pids"],
    [UNIFIED, "/sys/fs/cgroup/unified"],
  ]);
  const { cloneInto, procsFiles } = createV1Driver(roots).open("/a");
  expect(cloneInto).toBe("/sys/fs/cgroup/unified/a");
  expect(procsFiles).toEqual(["/sys/fs/cgroup/pids/a/tasks"]);
});

test("a process's cgroups are found below mounts that show a part only", () => {
  const own = parseProcCgroup("9:name=systemd:/\n4:cpu,cpuacct:/a/b:c\n0::/user.slice\n");
  expect([...own]).toEqual([
    ["name=systemd", "/"],
    ["cpu", "/a/b:c"],
    ["cpuacct", "/a/b:c"],
    ["", "/user.slice"],
  ]);
  const mount = (root: string) => ({ mountPoint: "/cg", root, keys: [] });
  expect(directoryBelow(mount("/"), "/a/b")).toBe("/cg/a/b");
  expect(directoryBelow(mount("/"), "/")).toBe("/cg");
  expect(directoryBelow(mount("/a"), "/a/b")).toBe("/cg/b");
  expect(directoryBelow(mount("/a"), "/a")).toBe("/cg");
  expect(directoryBelow(mount("/a"), "/ab")).toBe("/cg");
});
