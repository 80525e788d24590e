import { describe, expect, it } from "vitest";
import stats from "../../../src/cli/commands/stats.ts";
import { binarySize } from "../../../src/cli/render/size.ts";
import { statsRow } from "../../../src/cli/render/stats-row.ts";
import { screenful } from "../../../src/cli/screen.ts";
import type { StatsSample } from "../../../src/engine/api.ts";
import { TsrunError } from "../../../src/errors.ts";
import { container, type FakeEngine, runCommand } from "./fake.ts";

const GIB = 2 ** 30;

function sample(name: string, differences: Partial<StatsSample> = {}): StatsSample {
  return {
    id: container(name).record.id,
    name,
    clockNanoseconds: 5e9,
    cpuNanoseconds: 3e9,
    memory: { usedBytes: 96 * 2 ** 20, inactiveFileBytes: 32 * 2 ** 20, limitBytes: GIB },
    network: { receivedBytes: 1_170, sentBytes: 0 },
    block: { readBytes: 4_096, writtenBytes: 12_345_678 },
    pids: 3,
    pidsLimit: undefined,
    ...differences,
  };
}

/** What has used nothing, because it does not run. */
const stopped = (name: string): StatsSample =>
  sample(name, {
    cpuNanoseconds: undefined,
    memory: { usedBytes: undefined, inactiveFileBytes: undefined, limitBytes: 0 },
    network: undefined,
    block: { readBytes: undefined, writtenBytes: undefined },
    pids: undefined,
  });

const missing = new TsrunError("ERR_TSRUN_CONTAINER_NOT_FOUND", "No such container");

describe("a row", () => {
  const row = (now: StatsSample, previous?: StatsSample, gone = false) =>
    statsRow({ container: "web", sample: now, previous, gone }, true);

  it("tells rates from two samples", () => {
    const before = sample("web", { clockNanoseconds: 4e9, cpuNanoseconds: 1e9 });
    expect(row(sample("web"), before)).toEqual({
      BlockIO: "4.1kB / 12.3MB",
      CPUPerc: "200.00%",
      Container: "web",
      ID: "7765622d2d2d",
      MemPerc: "6.25%",
      MemUsage: "64MiB / 1GiB",
      Name: "web",
      NetIO: "1.17kB / 0B",
      PIDs: "3",
    });
  });

  it.each([
    ["of a container without an earlier sample", undefined],
    ["of a container that has been restarted", sample("web", { clockNanoseconds: 4e9, cpuNanoseconds: 9e9 })],
    ["of a container that has just been started", stopped("web")],
  ])("has no rate %s", (_, previous) => {
    expect(row(sample("web"), previous).CPUPerc).toBe("0.00%");
  });

  it("does not subtract more cache than there is", () => {
    const memory = { usedBytes: 2 ** 20, inactiveFileBytes: 2 ** 21, limitBytes: GIB };
    expect(row(sample("web", { memory })).MemUsage).toBe("1MiB / 1GiB");
  });

  it("is zero for a container that does not run", () => {
    expect(row(stopped("web"))).toMatchObject({
      BlockIO: "0B / 0B",
      CPUPerc: "0.00%",
      MemPerc: "0.00%",
      MemUsage: "0B / 0B",
      NetIO: "0B / 0B",
      PIDs: "0",
    });
  });

  it("says nothing of a container that has been removed", () => {
    expect(row(sample("web"), undefined, true)).toMatchObject({
      CPUPerc: "--",
      MemUsage: "-- / --",
      PIDs: "--",
      Name: "web",
    });
  });
});

describe("stats", () => {
  /** Each sample is a second and half a second of processor time after the one before. */
  function engineOf(names: string[], gone: string[] = []): FakeEngine {
    const taken = new Map<string, number>();
    return {
      list: async () => [
        ...names.map((name) => container(name)),
        container("old", { state: { status: "exited", pid: 0 } }),
      ],
      async stats(reference) {
        const name = ["web", "db", "old"].find((each) =>
          [each, container(each).record.id].includes(reference),
        );
        const count = taken.get(reference) ?? 0;
        taken.set(reference, count + 1);
        if (name === undefined || (gone.includes(name) && reference !== name)) throw missing;
        if (name === "old") return stopped("old");
        return sample(name, { clockNanoseconds: count * 1e9, cpuNanoseconds: count * 5e8 });
      },
    };
  }
  const run = async (argv: string[], engine: FakeEngine) => runCommand(stats, argv, { engine });

  it("shows what runs, as docker does", async () => {
    const { out } = await run(["--no-stream"], engineOf(["web", "db"]));
    expect(out.split("\n")).toEqual([
      "CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O       BLOCK I/O        PIDS",
      "7765622d2d2d   web       50.00%    64MiB / 1GiB        6.25%     1.17kB / 0B   4.1kB / 12.3MB   3",
      "64622d2d2d2d   db        50.00%    64MiB / 1GiB        6.25%     1.17kB / 0B   4.1kB / 12.3MB   3",
      "",
    ]);
  });

  it("shows all with -a, and whole ids with --no-trunc", async () => {
    const format = "{{.Container}} {{.ID}} {{.MemUsage}}";
    const { out } = await run(["-a", "--no-stream", "--no-trunc", "--format", format], engineOf([]));
    const { id } = container("old").record;
    expect(out).toBe(`${id.slice(0, 12)} ${id} 0B / 0B\n`);
  });

  it("fails at once where a named container is not there", async () => {
    await expect(run(["web", "nope"], engineOf(["web"]))).rejects.toThrow("No such container");
  });

  it("refuses a template that cannot be, before it waits", async () => {
    await expect(run(["--format", "{{nope}}"], {})).rejects.toThrow('function "nope" not defined');
  });

  it("ends when everything that was named has been removed", async () => {
    const { code, out } = await run(
      ["web", "--format", "{{.Container}} {{.CPUPerc}}"],
      engineOf([], ["web"]),
    );
    expect({ code, out }).toEqual({ code: 0, out: "web --\n" });
  });
});

describe("screenful", () => {
  it("draws over what was there", () => {
    expect(screenful("a\nb\n", { rows: 10, columns: 20 })).toBe("\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
  });

  it("never scrolls, whatever wraps", () => {
    expect(screenful("12345\n1\n2\n3\n", { rows: 4, columns: 4 })).toBe("\x1b[H12345\x1b[K\n1\x1b[K\n\x1b[J");
  });
});

it.each([
  [0, "0B"],
  [792 * 1024, "792KiB"],
  [1023, "1023B"],
  [25_276_000_000, "23.54GiB"],
  [1536 * 2 ** 20, "1.5GiB"],
])("%d bytes are %s", (bytes, text) => {
  expect(binarySize(bytes)).toBe(text);
});
