import { constants } from "node:os";
import { expect, test } from "vitest";
import { stepFailure } from "../../../src/oci/failure.ts";
import type { Step } from "../../../src/runtime/plan/plan.ts";

const why = "A test.";

function said(step: Step, errno: keyof typeof constants.errno): string {
  const failed = { kind: "failed", step: 0, errno: constants.errno[errno], pid: 1 } as const;
  return stepFailure({ fds: [], steps: [step] }, failed).message;
}

test.each<[Step, keyof typeof constants.errno, string]>([
  [
    { op: "setresuid", uid: 5000, why },
    "EINVAL",
    "becoming user 5000: invalid argument: an id that the user namespace",
  ],
  [{ op: "setresuid", uid: 5000, why }, "EPERM", "becoming user 5000: operation not permitted (step 1 of 1)"],
  [
    { op: "setns", fd: "ns:network", flags: ["CLONE_NEWNET"], why },
    "EINVAL",
    "joining namespaces (CLONE_NEWNET): invalid argument: the path in linux.namespaces",
  ],
  [{ op: "setns", fd: "init", flags: ["CLONE_NEWNET"], why }, "EINVAL", "invalid argument (step 1 of 1)"],
  [
    { op: "clone", flags: [], cgroup: "cgroup", why },
    "EBUSY",
    "error adding pid of the process to cgroups: device or resource busy",
  ],
  [{ op: "chdir", path: "/x", why }, "EOPNOTSUPP", "changing to the directory /x: operation not supported"],
])("%j with %s", (step, errno, words) => {
  expect(said(step, errno)).toContain(words);
});
