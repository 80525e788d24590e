/** What the tests of Plans start from: the configuration of an ordinary container, and looking into a Plan. */
import type { ContainerConfig, OciProcess } from "../../../../src/runtime/oci.ts";
import { type ContainerPlanInput, containerPlan } from "../../../../src/runtime/plan/container-plan.ts";
import type { Plan, Step, StepOp } from "../../../../src/runtime/plan/plan.ts";

export const CAPABILITIES = ["CAP_CHOWN", "CAP_KILL"];

export function typicalProcess(more: Partial<OciProcess> = {}): OciProcess {
  return {
    terminal: false,
    cwd: "/srv",
    env: ["PATH=/usr/bin:/bin", "HOME=/root"],
    args: ["sh", "-c", "id"],
    user: { uid: 1000, gid: 100, umask: 0o027, additionalGids: [100, 10] },
    capabilities: {
      bounding: CAPABILITIES,
      effective: [],
      permitted: [],
      inheritable: [],
      ambient: [],
    },
    rlimits: [{ type: "RLIMIT_NOFILE", soft: 2048, hard: 4096 }],
    noNewPrivileges: false,
    ...more,
  };
}

export function typicalConfig(more: Partial<ContainerConfig> = {}): ContainerConfig {
  const files = ["resolv.conf", "hostname", "hosts"].map((name) => ({
    destination: `/etc/${name}`,
    type: "bind",
    source: `/data/c/${name}`,
    options: ["rbind", "rprivate"],
  }));
  return {
    ociVersion: "1.2.0",
    hostname: "box",
    domainname: "example.org",
    process: typicalProcess(),
    root: { path: "/data/c/merged", readonly: false },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
      { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "ro"] },
      { destination: "/data", type: "bind", source: "/host/data", options: ["rbind", "rprivate", "rro"] },
      { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "gid=5"] },
      ...files,
      { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "ro"] },
    ],
    linux: {
      namespaces: (["mount", "pid", "uts", "ipc", "cgroup", "network"] as const).map((type) => ({ type })),
      devices: [{ type: "c", path: "/dev/null", major: 1, minor: 3, fileMode: 0o666, uid: 0, gid: 0 }],
      sysctl: { "net.ipv4.ip_forward": "1" },
      maskedPaths: ["/proc/kcore"],
      readonlyPaths: ["/proc/sys"],
    },
    ...more,
  };
}

const HOST_DIRECTORIES = new Set(["/host/data", "/dev"]);

export function planOf(config: ContainerConfig, more: Partial<ContainerPlanInput> = {}): Plan {
  return containerPlan({
    config,
    overlay: {
      layersDir: "/data/layers",
      lower: ["bbb", "aaa"],
      upper: "../c/upper",
      work: "../c/work",
      merged: "../c/merged",
      volatile: false,
    },
    cgroup: { cloneInto: true, procsFiles: [], view: { version: 2 } },
    networkNamespace: true,
    seccomp: { program: new Uint8Array(16), flags: ["SECCOMP_FILTER_FLAG_LOG"] },
    isDirectory: (path) => HOST_DIRECTORIES.has(path),
    ...more,
  });
}

/** All steps of one kind. */
export function stepsOf<Op extends StepOp>({ steps }: Plan, op: Op): Extract<Step, { op: Op }>[] {
  return steps.filter((step): step is Extract<Step, { op: Op }> => step.op === op);
}

/** The place of the first step that has these properties; throws where there is none. */
export function placeOf({ steps }: Plan, properties: Record<string, unknown>): number {
  const place = steps.findIndex((step) =>
    Object.entries(properties).every(
      ([key, value]) => JSON.stringify((step as Record<string, unknown>)[key]) === JSON.stringify(value),
    ),
  );
  if (place < 0) throw new Error(`no step ${JSON.stringify(properties)}`);
  return place;
}
