/** Plans of OCI configurations, run against the kernel by a monitor that plays the executor's part. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errnoName } from "../../src/kernel/errors.ts";
import { openUserNamespace } from "../../src/kernel/userns.ts";
import { launch } from "../../src/runtime/launch.ts";
import type { OciConfig, OciIdMapping } from "../../src/runtime/oci.ts";
import { describeStep } from "../../src/runtime/plan/describe.ts";
import {
  mountUserNamespaces,
  namespaceSlot,
  type OciPlanInput,
  ociPlan,
} from "../../src/runtime/plan/oci-plan.ts";
import type { Plan, Step } from "../../src/runtime/plan/plan.ts";
import { textOf } from "./engine.ts";

export interface Outcome {
  output: string;
  exitCode: number | undefined;
  /** The step that failed, in words, and its errno. */
  failure: string | undefined;
  /** Named waits in the order in which they were reached. */
  waits: string[];
}

/** Sends the monitor's pipes where the executor's own descriptors would be. */
function withPipes(plan: Plan): Plan {
  const at = plan.steps.findIndex(({ op }) => op === "chownStdio");
  const pipes = (["stdin", "stdout", "stderr"] as const).map(
    (fd, to): Step => ({ op: "dup2", fd, to, why: "The test reads it." }),
  );
  return { ...plan, steps: [...plan.steps.slice(0, at), ...pipes, ...plan.steps.slice(at)] };
}

const ranges = (mappings: readonly OciIdMapping[]) =>
  mappings.map(({ containerID, hostID, size }) => ({ inside: containerID, outside: hostID, size }));

/** Runs the container to its end; `atWait` is called at each wait with the process's pid. */
export async function runOci(
  config: OciConfig,
  more: Partial<OciPlanInput> = {},
  atWait: (name: string, pid: number) => void = () => {},
): Promise<Outcome> {
  const directory = mkdtempSync(join(tmpdir(), "tsrun-oci-"));
  const gatePath = join(directory, "gate");
  execFileSync("mkfifo", [gatePath]);
  const gate = openSync(gatePath, constants.O_RDWR);
  const input: OciPlanInput = {
    config,
    bundle: directory,
    cgroup: { cloneInto: false, procsFiles: [], view: { version: 2 } },
    seccomp: undefined,
    noPivot: false,
    noNewKeyring: false,
    terminal: "inherit",
    preserveFds: 0,
    ...more,
  };
  const plan = input.terminal === "pty" ? ociPlan(input) : withPipes(ociPlan(input));
  const fds: Record<string, number> = { start: gate };
  for (const { type, path } of config.linux.namespaces) {
    if (path) fds[namespaceSlot(type)] = openSync(path, "r");
  }
  for (const { slot, uidMappings, gidMappings } of mountUserNamespaces(config)) {
    fds[slot] = openUserNamespace(ranges(uidMappings), ranges(gidMappings));
  }
  const lockFd = openSync(join(directory, "lock"), "w");
  const waits: string[] = [];
  try {
    const client = await launch({
      id: "oci-test",
      plan,
      fds,
      lockFd,
      env: [],
      monitor: {
        terminal: input.terminal === "pty",
        stdin: false,
        stdinOnce: false,
        durable: false,
      },
    });
    client.onWaiting = (number, pid) => {
      const step = plan.steps[number];
      const name = step?.op === "wait" ? (step.name ?? "") : "";
      waits.push(name);
      atWait(name, pid);
      client.goOn();
      if (name === "start") writeSync(gate, "0");
    };
    const output = Promise.all([textOf(client.stdout), textOf(client.stderr)]);
    const started = await client.started;
    if (typeof started !== "number") {
      const step = plan.steps[started.step];
      client.detach();
      const words = step === undefined ? "no step" : describeStep(step);
      return { output: "", exitCode: undefined, failure: `${words}: ${errnoName(started.errno)}`, waits };
    }
    const { exitCode } = await client.exited;
    client.acknowledge();
    return { output: (await output).join(""), exitCode, failure: undefined, waits };
  } finally {
    for (const fd of [...Object.values(fds), lockFd]) closeSync(fd);
    rmSync(directory, { recursive: true });
  }
}
