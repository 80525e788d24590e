import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import prune from "../../../src/cli/commands/container-prune.ts";
import inspect from "../../../src/cli/commands/inspect.ts";
import ps from "../../../src/cli/commands/ps.ts";
import rename from "../../../src/cli/commands/rename.ts";
import update from "../../../src/cli/commands/update.ts";
import { parsePortRange } from "../../../src/cli/container-network.ts";
import type { ContainerChanges, ContainerSummary } from "../../../src/engine/types.ts";
import { container, runCommand } from "./fake.ts";

const MIB = 1024 * 1024;

describe("ports in filters", () => {
  it.each([
    ["80", "80/tcp", true],
    ["80", "80/udp", false],
    ["80/udp", "80/udp", true],
    ["8000-8080", "8080/tcp", true],
    ["8000-8080", "8081/tcp", false],
  ])("%s means %s: %s", (text, port, expected) => {
    expect(parsePortRange(text)(port)).toBe(expected);
  });

  it.each(["", "http", "0", "65536", "9-8", "80/icmp"])("refuses %j", (text) => {
    expect(() => parsePortRange(text)).toThrow("invalid port");
  });
});

describe("a container with exposed ports", () => {
  const imageConfig = { ExposedPorts: { "6379/tcp": {}, "53/udp": {} } };
  const web = container("web", { imageConfig });
  const over = container("over", { imageConfig, state: { status: "exited", pid: 0 } });
  const engine = { list: async () => [web, over], inspect: async () => web };

  it("shows them in ps while it runs", async () => {
    expect((await runCommand(ps, ["-a", "--format", "{{.Names}} {{.Ports}}"], { engine })).out).toBe(
      "web 53/udp, 6379/tcp\nover \n",
    );
  });

  it("is found by them", async () => {
    const argv = ["-a", "--format", "{{.Names}}", "--filter", "expose=6000-7000"];
    expect((await runCommand(ps, argv, { engine })).out).toBe("web\nover\n");
  });

  it("has them without a binding in inspect", async () => {
    const { out } = await runCommand(inspect, ["-f", "{{json .NetworkSettings.Ports}}", "web"], { engine });
    expect(out).toBe('{"53/udp":null,"6379/tcp":null}\n');
  });
});

describe("update", () => {
  const request = async (...flags: string[]): Promise<ContainerChanges | undefined> => {
    let asked: ContainerChanges | undefined;
    await runCommand(update, [...flags, "web"], {
      engine: {
        async update(_name, changes) {
          asked = changes;
        },
      },
    });
    return asked;
  };

  it.each<[string[], ContainerChanges]>([
    [["-m", "64m"], { resources: { memory: { limit: 64 * MIB } } }],
    [["--memory-swap", "-1"], { resources: { memory: { swap: -1 } } }],
    [["--memory-swap", "1g"], { resources: { memory: { swap: 1024 * MIB } } }],
    [["--memory-reservation", "32m"], { resources: { memory: { reservation: 32 * MIB } } }],
    [["--cpus", "1"], { resources: { cpu: { quota: 100_000, period: 100_000 } } }],
    [["-c", "512"], { resources: { cpu: { shares: 512 } } }],
    [["--cpu-quota", "-1"], { resources: { cpu: { quota: -1 } } }],
    [["--cpuset-cpus", "0", "--cpuset-mems", "0"], { resources: { cpu: { cpus: "0", mems: "0" } } }],
    [["--pids-limit", "-1"], { resources: { pids: { limit: -1 } } }],
    [["--blkio-weight", "300"], { resources: { blockIO: { weight: 300 } } }],
    [["--restart", "always"], { restartPolicy: { name: "always", maximumRetryCount: 0 } }],
    [["--restart", "on-failure:5"], { restartPolicy: { name: "on-failure", maximumRetryCount: 5 } }],
  ])("%j", async (flags, changes) => {
    expect(await request(...flags)).toEqual(changes);
  });
});

describe("container prune", () => {
  const engine = { prune: async () => ({ deleted: ["abc"], bytes: 1500 }) };
  const run = (answer: string) => {
    const input = new PassThrough();
    input.end(answer);
    return runCommand(prune, [], { engine, terminal: { input: () => input } });
  };

  it.each(["y\n", "Y\n", "yes\n", "y"])("goes on at %j", async (answer) => {
    expect((await run(answer)).out).toMatch(
      /\[y\/N\] Deleted Containers:\nabc\n\nTotal reclaimed space: 1.5kB\n$/,
    );
  });

  it.each(["", "\n", "n\n", "yup\n"])("does not at %j", async (answer) => {
    expect((await run(answer)).out).toMatch(/\[y\/N\] $/);
  });

  it("hands its filters on", async () => {
    let matches: ((container: ContainerSummary) => boolean) | undefined;
    await runCommand(prune, ["-f", "--filter", "until=90s", "--filter", "label!=keep"], {
      engine: {
        async prune(options) {
          matches = options?.matches;
          return { deleted: [], bytes: 0 };
        },
      },
    });
    // The fake's containers are two minutes old.
    expect(matches?.(container("a"))).toBe(true);
    expect(matches?.(container("a", { labels: { keep: "" } }))).toBe(false);
    expect(matches?.(container("a", { createdAt: "2024-05-01T11:59:00Z" }))).toBe(false);
  });
});

describe("rename", () => {
  it("refuses names that are empty", async () => {
    await expect(runCommand(rename, ["web", " "], {})).rejects.toThrow(
      "Neither old nor new names may be empty",
    );
  });
});
