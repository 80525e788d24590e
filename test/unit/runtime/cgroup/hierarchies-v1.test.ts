import { expect, test } from "vitest";
import { parseHierarchies } from "../../../../src/runtime/cgroup/hierarchies-v1.ts";
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
