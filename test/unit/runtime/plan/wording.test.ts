import { describe, expect, test } from "vitest";
import { describeStep } from "../../../../src/runtime/plan/describe.ts";
import { execPlan } from "../../../../src/runtime/plan/exec-plan.ts";
import type { Plan, StepAction, StepOp } from "../../../../src/runtime/plan/plan.ts";
import { executorOf, straceStep } from "../../../../src/runtime/plan/strace.ts";
import { EVERY_STEP } from "./every-step.ts";
import { planOf, typicalConfig, typicalProcess } from "./typical.ts";

const every = Object.entries(EVERY_STEP) as [StepOp, StepAction][];

describe("describeStep", () => {
  test.each(every)("%s is a phrase that goes before an errno", (_op, step) => {
    const text = describeStep(step);
    expect(text).toMatch(/^[a-z]\S*( \S.*)?[^\s.:]$/);
    expect(text).not.toMatch(/undefined|\[object|\bNaN/);
  });

  test.each<[StepAction, string]>([
    [EVERY_STEP.mount, "mounting proc on /proc"],
    [{ ...EVERY_STEP.mount, fstype: null, target: "/" }, "making / private"],
    [EVERY_STEP.mountOverlay, "mounting an overlay of 2 layers on /m"],
    [EVERY_STEP.moveMount, "attaching the mount for /dst at /dst"],
    [
      { op: "moveMount", slot: "readonly:/proc/sys", target: "/proc/sys" },
      "attaching the mount for /proc/sys at /proc/sys",
    ],
    [EVERY_STEP.writeFile, 'writing "1" to /proc/sys/x'],
    [EVERY_STEP.chdir, "changing to the directory /work"],
    [EVERY_STEP.mknod, "making the device /dev/null"],
    [EVERY_STEP.umask, "setting the umask 22"],
    [EVERY_STEP.execve, "executing sh"],
    [{ op: "clone", flags: [] }, "cloning a process"],
  ])("%j", (step, text) => {
    expect(describeStep(step)).toBe(text);
  });
});

describe("straceStep", () => {
  // As strace 6.1 prints the same calls, but for what has no name there: slots, and files opened by way of openat2.
  test.each<[StepAction, string]>([
    [EVERY_STEP.mount, 'mount("proc", "/proc", "proc", MS_NOSUID, "a=b")'],
    [
      { op: "mount", source: "none", target: "/", fstype: null, flags: ["MS_REC", "MS_PRIVATE"], data: null },
      'mount("none", "/", NULL, MS_REC|MS_PRIVATE, NULL)',
    ],
    [EVERY_STEP.pivotRoot, 'pivot_root(".", ".")'],
    [EVERY_STEP.umount, 'umount2(".", MNT_DETACH)'],
    [EVERY_STEP.chdir, 'chdir("/work")'],
    [EVERY_STEP.mkdir, 'mkdir("/work", 0755)'],
    [EVERY_STEP.mknod, 'mknod("/dev/null", S_IFCHR|0666, makedev(0x1, 0x3))'],
    [EVERY_STEP.symlink, 'symlink("/proc/self/fd", "/dev/fd")'],
    [EVERY_STEP.sethostname, 'sethostname("box", 3)'],
    [EVERY_STEP.setsid, "setsid()"],
    [EVERY_STEP.umask, "umask(022)"],
    [EVERY_STEP.unshare, "unshare(CLONE_NEWCGROUP)"],
    [EVERY_STEP.setresuid, "setresuid(1000, 1000, 1000)"],
    [EVERY_STEP.setgroups, "setgroups(2, [10, 4000000000])"],
    [EVERY_STEP.setrlimit, "prlimit64(0, RLIMIT_NOFILE, {rlim_cur=10, rlim_max=RLIM64_INFINITY}, NULL)"],
    [EVERY_STEP.prctl, "prctl(PR_SET_PDEATHSIG, SIGKILL)"],
    [EVERY_STEP.closeRange, "close_range(3, ~0U, 0)"],
    [EVERY_STEP.seccomp, "seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, {len=3})"],
    [
      { op: "execve", candidates: ["/bin/sh"], argv: ["sh", "-c", "a\nb"], envp: ["A=1", "B=2"] },
      'execve("/bin/sh", ["sh", "-c", "a\\nb"], [/* 2 vars */])',
    ],
    [
      EVERY_STEP.mountSetattr,
      'mount_setattr(AT_FDCWD, "/dst", AT_RECURSIVE, {attr_set=MOUNT_ATTR_RDONLY, attr_clr=MOUNT_ATTR_NODEV, propagation=MS_SLAVE})',
    ],
    [
      EVERY_STEP.clone,
      'clone3({flags=CLONE_NEWNS|CLONE_NEWPID|CLONE_INTO_CGROUP|CLONE_PIDFD, exit_signal=SIGCHLD, cgroup=<cgroup>}); write(<uid_map>, "0 1 2\\n"); write(<gid_map>, "0 3 4\\n")',
    ],
  ])("%j", (step, text) => {
    expect(straceStep(step)).toBe(text);
  });

  test.each(every)("%s is one line of calls", (_op, step) => {
    expect(straceStep(step)).toMatch(/^[a-z0-9_]+\(.*\)$/);
    expect(straceStep(step)).not.toMatch(/undefined|\[object|NaN|\n/);
  });

  test("a hundred layers are not a hundred names", () => {
    const lower = Array.from({ length: 100 }, (_, index) => `layer${index}`);
    expect(straceStep({ ...EVERY_STEP.mountOverlay, lower })).toMatch(/layer3", \/\* 96 more \*\/\]/);
  });
});

const everything = planOf(
  typicalConfig({
    process: typicalProcess({
      terminal: true,
      noNewPrivileges: true,
      oomScoreAdj: 5,
      capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: ["CAP_KILL"] },
    }),
    root: { path: "/r", readonly: true },
  }),
  {
    pause: true,
    cgroup: {
      cloneInto: false,
      procsFiles: ["/sys/fs/cgroup/memory/x/tasks"],
      view: { version: 1, hierarchies: [{ name: "memory", options: "memory" }] },
    },
  },
);
const inside = execPlan({
  process: typicalProcess({ terminal: true, oomScoreAdj: 5 }),
  cgroup: { cloneInto: true, procsFiles: ["/x/tasks"] },
  seccomp: { program: new Uint8Array(8), flags: [] },
});

describe.each<[string, Plan]>([
  ["a container's Plan", everything],
  ["a Plan of exec", inside],
])("%s", (_name, plan) => {
  test("says of every step why it is there, in a sentence or its continuation", () => {
    for (const { op, why } of plan.steps) expect(why, op).toMatch(/^\S.{9,}[.…]$/);
  });

  test("is the monitor's up to clone, the container's from there", () => {
    const clone = plan.steps.findIndex(({ op }) => op === "clone");
    expect(executorOf(plan, clone)).toBe("monitor");
    expect(executorOf(plan, clone + 1)).toBe("container");
  });
});
