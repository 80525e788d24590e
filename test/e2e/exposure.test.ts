/** What a container exposes of its host, held against a container of Docker's on the same host. */
import { execFileSync } from "node:child_process";
import { readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { capabilityNames, ownCapabilities } from "../../src/runtime/capabilities.ts";
import { createCli, REPOSITORY } from "../support/cli.ts";
import { type OtherTools, startOtherTools } from "../support/other-tools.ts";
import { assertTestHost } from "../support/test-host.ts";

const cli = createCli();
const probe = join(cli.directory, "exposure");
const namespaces = readdirSync("/proc/self/ns").map((name) => readlinkSync(`/proc/self/ns/${name}`));
let tools: OtherTools;

beforeAll(async () => {
  assertTestHost();
  const source = join(REPOSITORY, "test/e2e/attacks/exposure.c");
  execFileSync("gcc", ["-O1", "-static", "-Wall", "-Wextra", "-Werror", "-o", probe, source]);
  const runtime = join(cli.directory, "runc");
  writeFileSync(runtime, runc(), { mode: 0o755 });
  const daemon = ["--add-runtime", `own=${runtime}`, "--default-runtime", "own"];
  tools = await startOtherTools(join(cli.directory, "others"), { daemon });
  const archive = join(cli.directory, "base.tar");
  await cli.output("pull", "-q", "tsrun/base");
  await cli.output("save", "-o", archive, "tsrun/base");
  await tools.docker("load", "-q", "-i", archive);
});
afterAll(async () => {
  await tools?.stop();
  cli.close();
});

/**
 * Docker before 23 wants to grant --privileged every capability that the kernel has, which runc cannot do where root
 * itself lacks one (CAP_SYS_RESOURCE in many a VM): it is asked for those that there are.
 */
function runc(): string {
  const owned = ownCapabilities();
  const missing = capabilityNames().filter((name) => !owned.includes(name));
  const edits = missing.map((name) => `-e 's/"${name}",//g; s/,"${name}"//g'`).join(" ");
  return `#!/bin/sh
for word; do
  if [ "$last" = --bundle ]; then sed -i -e "" ${edits} "$word/config.json"; fi
  last=$word
done
exec runc "$@"
`;
}

/** What the probe says in a container of each. */
async function exposed(...flags: string[]): Promise<{ ours: string[]; dockers: string[] }> {
  const words = ["run", "--rm", "--network", "none", "-v", `${probe}:/exposure:ro`, ...flags];
  words.push("tsrun/base", "/exposure", ...namespaces);
  const [ours, dockers] = [await cli.output(...words), await tools.docker(...words)];
  return { ours: ours.split("\n"), dockers: dockers.split("\n") };
}

/**
 * Docker's own filter lets these through in its later versions, and so does tsrun's; Debian 12 has 20.10: system calls
 * name_to_handle_at, process_vm_*, pkey_*, cachestat, fchmodat2, futex_*, and CAP_PERFMON and what follows.
 */
const YOUNGER = new Set([
  ...(process.arch === "arm64" ? [264, 270, 271, 288, 289, 290] : [303, 310, 311, 329, 330, 331])
    .concat([451, 452, 454, 455, 456])
    .map((number) => `system call ${number}`),
  ...["CapPrm", "CapEff", "CapBnd"].flatMap((set) => [38, 39, 40].map((number) => `${set} ${number}`)),
]);

const minus = (some: readonly string[], others: readonly string[]): string[] => {
  const known = new Set(others);
  return some.filter((line) => !known.has(line) && !YOUNGER.has(line));
};

describe("a container exposes nothing that Docker's does not", () => {
  test.each([
    ["by default", []],
    ["to an ordinary user", ["-u", "1000:1000"]],
    ["with a read-only root", ["--read-only", "--tmpfs", "/tmp"]],
    ["without new privileges", ["--security-opt", "no-new-privileges"]],
    ["without capabilities", ["--cap-drop", "ALL"]],
    ["with a capability more", ["--cap-add", "NET_ADMIN"]],
    ["without a filter", ["--security-opt", "seccomp=unconfined"]],
    ["with the system's paths", ["--security-opt", "systempaths=unconfined"]],
  ])("%s", async (_, flags) => {
    const { ours, dockers } = await exposed(...flags);
    expect(ours).toContain("mount /");
    expect(dockers).toContain("mount /");
    expect(minus(ours, dockers)).toEqual([]);
  });
});

/** What docker-bench-security asks of each container that runs, in the section of that number. */
const QUESTIONS = {
  "5.2 AppArmor": "{{.AppArmorProfile}}",
  "5.3, 5.22, 5.26 security options": "{{.HostConfig.SecurityOpt}}",
  "5.4 capabilities": "{{.HostConfig.CapAdd}}",
  "5.5 privileged": "{{.HostConfig.Privileged}}",
  "5.6, 5.20, 5.32 mounts": "{{.Mounts}}",
  "5.8, 5.9, 5.14 ports": "{{json .NetworkSettings.Ports}}",
  "5.10 host network": '{{eq .HostConfig.NetworkMode "host"}}',
  "5.11 memory": "{{.HostConfig.Memory}}",
  "5.12 CPU": "{{.HostConfig.CpuShares}} {{.HostConfig.NanoCpus}}",
  "5.13 read-only": "{{.HostConfig.ReadonlyRootfs}}",
  "5.15 restarts": "{{.HostConfig.RestartPolicy.MaximumRetryCount}}",
  "5.16 host processes": "{{.HostConfig.PidMode}}",
  "5.17 IPC": "{{.HostConfig.IpcMode}}",
  "5.18 devices": "{{.HostConfig.Devices}}",
  "5.19 ulimits": "{{.HostConfig.Ulimits}}",
  "5.21 host name": "{{.HostConfig.UTSMode}}",
  "5.25 cgroup": "{{.HostConfig.CgroupParent}}",
  "5.31 user namespace": "{{.HostConfig.UsernsMode}}",
};

test("a container answers what docker-bench-security asks as Docker's does", async () => {
  const words = ["run", "-d", "--name", "audited", "tsrun/base", "sleep", "1000"];
  await cli.output(...words);
  await tools.docker(...words);
  const format = Object.values(QUESTIONS).join("\n");
  const answers = (text: string): Record<string, string | undefined> => {
    // A list with nothing in it is also none.
    const lines = text.replaceAll("<no value>", "[]").split("\n");
    return Object.fromEntries(Object.keys(QUESTIONS).map((question, index) => [question, lines[index]]));
  };
  const ours = answers(await cli.output("inspect", "-f", format, "audited"));
  const dockers = answers(await tools.docker("inspect", "-f", format, "audited"));
  await Promise.all([cli.output("rm", "-f", "audited"), tools.docker("rm", "-f", "audited")]);
  expect(ours).toEqual(dockers);
});

test("--privileged gives what Docker's gives", async () => {
  const { ours, dockers } = await exposed("--privileged");
  // On cgroup v1 Docker's are in the host's cgroup namespace; tsrun's have always their own.
  const less = minus(dockers, ours).filter((line) => !line.includes("cgroup"));
  expect({ more: minus(ours, dockers), less }).toEqual({ more: [], less: [] });
});
