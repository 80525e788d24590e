/** What Debian's docker says of containers made by the same words. */
import { describe, expect, test } from "vitest";
import { inspectContainer } from "../../../../src/cli/render/docker-inspect.ts";
import type { ContainerOptions, ContainerRecord, ContainerState } from "../../../../src/engine/types.ts";
import { recordOf } from "../../engine/container-fixture.ts";

interface Shown {
  Config: Record<string, unknown>;
  HostConfig: Record<string, unknown>;
  Mounts: unknown[];
}

function shown(options: Partial<ContainerOptions>, more: Partial<ContainerRecord> = {}): Shown {
  const record = recordOf("1", { ...more, options: { image: "alpine", ...options } });
  const state = { status: "created", pid: 0 } as ContainerState;
  const paths = { root: "/r", run: "/x" };
  const document = inspectContainer({ record, state }, { paths, size: undefined });
  return JSON.parse(JSON.stringify(document)) as Shown;
}

describe("Config", () => {
  test("has what was asked for, or the image says, and no more", () => {
    const { Config } = shown({}, { workdir: "/", stopSignal: "SIGTERM", stopTimeout: 10 });
    expect(Config).not.toHaveProperty("StopSignal");
    expect(Config).not.toHaveProperty("StopTimeout");
    expect(Config).toMatchObject({ WorkingDir: "" });
  });

  test("which is then shown", () => {
    const asked = { stopSignal: "SIGINT", stopTimeout: 3, workdir: "/tmp" };
    expect(shown(asked, asked).Config).toMatchObject({
      StopSignal: "SIGINT",
      StopTimeout: 3,
      WorkingDir: "/tmp",
    });
    const image = { imageConfig: { StopSignal: "SIGQUIT" }, stopSignal: "SIGQUIT" };
    expect(shown({}, image).Config).toMatchObject({ StopSignal: "SIGQUIT" });
  });
});

describe("mounts", () => {
  test("of --tmpfs are the host's configuration only; of --mount they are mounts", () => {
    const { Mounts, HostConfig } = shown({
      mounts: [
        { type: "tmpfs", target: "/t", options: ["size=1m"], short: true },
        { type: "tmpfs", target: "/u", options: ["size=4096", "mode=1770", "ro"] },
      ],
    });
    expect(Mounts).toEqual([
      { Type: "tmpfs", Source: "", Destination: "/u", Mode: "", RW: false, Propagation: "" },
    ]);
    expect(HostConfig).toMatchObject({ Tmpfs: { "/t": "size=1m" } });
    expect(HostConfig.Mounts).toEqual([
      { Type: "tmpfs", Target: "/u", ReadOnly: true, TmpfsOptions: { SizeBytes: 4096, Mode: 0o1770 } },
    ]);
  });

  test("of -v have its words as their mode, of --mount none", () => {
    const bind = { type: "bind", source: "/s", readOnly: true } as const;
    const { Mounts } = shown({
      mounts: [
        { ...bind, target: "/a", sourceMustExist: false },
        { ...bind, target: "/b", sourceMustExist: true },
      ],
    });
    expect(Mounts).toMatchObject([
      { Destination: "/a", Mode: "ro", RW: false },
      { Destination: "/b", Mode: "", RW: false },
    ]);
  });
});

describe("HostConfig", () => {
  test("--cpus is not a quota as well", () => {
    const cpus = (quota: number, period?: number) =>
      shown({ resources: { cpu: { quota, ...(period && { period }) } } }).HostConfig;
    expect(cpus(50_000, 100_000)).toMatchObject({ NanoCpus: 500_000_000, CpuPeriod: 0, CpuQuota: 0 });
    expect(cpus(50_000)).toMatchObject({ NanoCpus: 0, CpuPeriod: 0, CpuQuota: 50_000 });
  });

  test("what is part of the host has no label", () => {
    for (const options of [{ privileged: true }, { pid: "host" }, { ipc: "host" }])
      expect(shown(options).HostConfig).toMatchObject({ SecurityOpt: ["label=disable"] });
    expect(shown({ privileged: true, securityOpt: ["label=user:x"] }).HostConfig).toMatchObject({
      SecurityOpt: ["label=user:x"],
    });
    expect(shown({ pid: "container:web" }).HostConfig).toMatchObject({
      SecurityOpt: null,
      PidMode: "container:web",
      IpcMode: "private",
    });
  });
});
