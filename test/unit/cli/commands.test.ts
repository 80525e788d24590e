import { describe, expect, it } from "vitest";
import imageInspect from "../../../src/cli/commands/image-inspect.ts";
import images from "../../../src/cli/commands/images.ts";
import inspect from "../../../src/cli/commands/inspect.ts";
import kill from "../../../src/cli/commands/kill.ts";
import logs from "../../../src/cli/commands/logs.ts";
import ps from "../../../src/cli/commands/ps.ts";
import pull from "../../../src/cli/commands/pull.ts";
import rm from "../../../src/cli/commands/rm.ts";
import rmi from "../../../src/cli/commands/rmi.ts";
import stop from "../../../src/cli/commands/stop.ts";
import version from "../../../src/cli/commands/version.ts";
import type { ImageDetails, LogEntry } from "../../../src/engine/api.ts";
import { TsrunError } from "../../../src/errors.ts";
import { endpoint } from "../../support/endpoint.ts";
import { container, type FakeEngine, runCommand } from "./fake.ts";

const missing = (what: string) =>
  new TsrunError(`ERR_TSRUN_${what}_NOT_FOUND`, `no such ${what.toLowerCase()}`);

describe("ps", () => {
  const web = container("web", {
    labels: { tier: "front" },
    path: "/docker-entrypoint.sh",
    args: ["nginx", "-g", "daemon off;"],
  });
  const job = container("job", {
    createdAt: "2024-05-01T11:00:00Z",
    image: "debian:12",
    options: { network: "none" },
    state: { status: "exited", exitCode: 3, pid: 0, finishedAt: "2024-05-01T11:59:57Z" },
  });
  const old = container("old", { createdAt: "2024-04-01T00:00:00Z", state: { status: "created", pid: 0 } });
  const engine: FakeEngine = {
    list: async () => [web, job, old],
    images: {
      async inspect(reference) {
        if (reference === "parent") return { ...alpine, layers: web.record.layers };
        throw missing("IMAGE");
      },
    },
  };
  const run = async (...argv: string[]) => (await runCommand(ps, argv, { engine })).out;

  it("shows the running containers as docker does", async () => {
    expect(await run()).toBe(
      [
        "CONTAINER ID   IMAGE     COMMAND                  CREATED         STATUS         PORTS     NAMES",
        '7765622d2d2d   alpine    "/docker-entrypoint.…"   2 minutes ago   Up 2 minutes             web',
        "",
      ].join("\n"),
    );
  });

  it("shows all with -a", async () => {
    const text = await run("-a", "--format", "{{.Names}}|{{.Status}}|{{.State}}|{{.Networks}}");
    expect(text).toBe(
      "web|Up 2 minutes|running|bridge\njob|Exited (3) 3 seconds ago|exited|none\nold|Created|created|bridge\n",
    );
  });

  it.each([
    [["-q"], ["web"]],
    [["-aq"], ["web", "job", "old"]],
    [["-lq"], ["web"]],
    [
      ["-n", "2", "-q"],
      ["web", "job"],
    ],
  ])("lists ids with %j", async (argv, names) => {
    const ids = names.map((name) => container(name).record.id.slice(0, 12));
    expect(await run(...argv)).toBe(ids.map((id) => `${id}\n`).join(""));
  });

  it.each([
    ["name=eb", ["web"]],
    ["name=^/job$", ["job"]],
    ["label=tier", ["web"]],
    ["label=tier=back", []],
    ["status=exited", ["job"]],
    ["exited=3", ["job"]],
    ["ancestor=alpine:latest", ["web", "old"]],
    ["ancestor=debian", []],
    ["ancestor=parent", ["web", "job", "old"]],
    [`id=${container("old").record.id.slice(0, 8)}`, ["old"]],
    ["network=none", ["job"]],
    ["before=web", ["job", "old"]],
    ["since=old", ["web", "job"]],
  ])("--filter %s", async (filter, names) => {
    const text = await run("-a", "--format", "{{.Names}}", "--filter", filter);
    expect(text.split("\n").filter(Boolean)).toEqual(names);
  });

  it.each([
    ["foo=1", "invalid filter 'foo'"],
    ["status=up", "invalid filter 'status=up'"],
    ["exited=x", "invalid filter 'exited=x'"],
    ["health=ill", "invalid filter 'health=ill'"],
    ["is-task=maybe", "invalid filter 'is-task=maybe'"],
    ["expose=http", "invalid filter 'expose=http'"],
    ["publish=90-80", "invalid filter 'publish=90-80'"],
    ["since=none", "invalid filter 'since=none'"],
  ])("refuses --filter %s", async (filter, message) => {
    await expect(run("-a", "--filter", filter)).rejects.toThrow(message);
  });

  it("shows health, and filters by it", async () => {
    const health = (status: "starting" | "healthy" | "unhealthy") =>
      container(status, { state: { health: { status, failingStreak: 0, log: [] } } });
    const list = async () => [health("starting"), health("healthy"), health("unhealthy"), web];
    const ask = async (...argv: string[]) =>
      (await runCommand(ps, ["--format", "{{.Names}}: {{.Status}}", ...argv], { engine: { list } })).out;
    expect(await ask()).toBe(
      [
        "starting: Up 2 minutes (health: starting)",
        "healthy: Up 2 minutes (healthy)",
        "unhealthy: Up 2 minutes (unhealthy)",
        "web: Up 2 minutes",
        "",
      ].join("\n"),
    );
    expect(await ask("--filter", "health=healthy")).toBe("healthy: Up 2 minutes (healthy)\n");
    expect(await ask("--filter", "health=none", "--filter", "health=starting")).toMatch(
      /^starting: .*\nweb: .*\n$/,
    );
    await expect(ask("--filter", "health=fine")).rejects.toThrow("health");
  });

  it("refuses a filter without a value", async () => {
    await expect(run("-f", "foo")).rejects.toThrow("bad format of filter (expected name=value)");
  });

  it("prints JSON lines", async () => {
    const row = JSON.parse(await run("--format", "json"));
    expect(row).toMatchObject({
      Names: "web",
      Labels: "tier=front",
      Command: '"/docker-entrypoint.…"',
      State: "running",
    });
    expect(Object.keys(row)).toEqual(Object.keys(row).toSorted());
  });

  it("does not truncate with --no-trunc", async () => {
    expect(await run("--no-trunc", "--format", "{{.ID}} {{.Command}}")).toBe(
      `${web.record.id} "/docker-entrypoint.sh nginx -g 'daemon off;'"\n`,
    );
  });
});

const alpine: ImageDetails = {
  id: `sha256:${"a1".repeat(32)}`,
  names: ["alpine:latest", "alpine:3.20"],
  digests: [`alpine@sha256:${"d".repeat(64)}`],
  created: "2024-04-01T12:00:00Z",
  size: 7_832_000,
  architecture: "amd64",
  os: "linux",
  variant: undefined,
  author: "",
  comment: "",
  dockerVersion: "",
  config: { Cmd: ["/bin/sh"], Env: ["PATH=/bin"], Labels: { a: "b" } },
  layers: [`sha256:${"b2".repeat(32)}`],
};
const dangling: ImageDetails = {
  ...alpine,
  id: `sha256:${"c3".repeat(32)}`,
  names: [],
  digests: [],
  config: {},
  created: "2023-01-01T00:00:00Z",
};

describe("images", () => {
  const engine: FakeEngine = {
    images: {
      list: async () => [alpine, dangling],
      inspect: async (id) => (id === alpine.id ? alpine : dangling),
    },
  };
  const run = async (...argv: string[]) => (await runCommand(images, argv, { engine })).out;

  it("shows a line for each name", async () => {
    expect(await run()).toBe(
      [
        "REPOSITORY   TAG       IMAGE ID       CREATED         SIZE",
        "alpine       latest    a1a1a1a1a1a1   4 weeks ago     7.83MB",
        "alpine       3.20      a1a1a1a1a1a1   4 weeks ago     7.83MB",
        "<none>       <none>    c3c3c3c3c3c3   16 months ago   7.83MB",
        "",
      ].join("\n"),
    );
  });

  it.each([
    [["--filter", "dangling=true"], "<none>:<none>\n"],
    [["--filter", "label=a=b"], "alpine:latest\nalpine:3.20\n"],
    [["--filter", "reference=alp*:3.*"], "alpine:3.20\n"],
    [["--filter", "before=alpine"], "<none>:<none>\n"],
    [["--filter", "until=2023-06-01"], "<none>:<none>\n"],
  ])("%j", async (argv, expected) => {
    expect(await run(...argv, "--format", "{{.Repository}}:{{.Tag}}")).toBe(expected);
  });

  it("shows digests and whole ids", async () => {
    expect(await run("--digests", "--no-trunc")).toContain(`sha256:${"d".repeat(64)}   ${alpine.id}`);
  });
});

describe("inspect", () => {
  const web = container("web", {
    labels: { "com.x": "1" },
    options: {
      mounts: [{ type: "bind", source: "/a", target: "/b", readOnly: true, sourceMustExist: false }],
      resources: { memory: { limit: 67108864 }, cpu: { quota: 50_000, period: 100_000 } },
    },
    state: {
      networks: [endpoint({ containerId: "web", address: "172.17.0.2/16" })],
    },
  });
  const engine: FakeEngine = {
    inspect: async (name) => {
      if (name === "web") return web;
      throw missing("CONTAINER");
    },
    images: {
      inspect: async (name) => {
        if (name === "alpine" || name === alpine.id) return alpine;
        throw missing("IMAGE");
      },
    },
    networks: {
      inspect: async () => {
        throw missing("NETWORK");
      },
    },
    volumes: {
      inspect: async (name) => {
        if (name !== "data") throw missing("VOLUME");
        return {
          name,
          driver: "local",
          options: { type: "tmpfs", device: "tmpfs" },
          labels: {},
          createdAt: "2024-05-01T12:00:00Z",
          mountpoint: "/data/volumes/data/_data",
          users: [],
        };
      },
    },
  };
  const run = (...argv: string[]) => runCommand(inspect, argv, { engine });

  it.each([
    ["{{.State.Running}}", "true"],
    ["{{.Name}}", "/web"],
    ["{{.NetworkSettings.IPAddress}}", "172.17.0.2"],
    ["{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}", "172.17.0.1"],
    ["{{.NetworkSettings.Networks.bridge.IPAddress}}", "172.17.0.2"],
    ['{{index .Config.Labels "com.x"}}', "1"],
    [
      "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}}",
      "67108864 134217728 500000000",
    ],
    ["{{range .Mounts}}{{.Source}}:{{.Destination}}:{{.RW}}{{end}}", "/a:/b:false"],
    ["{{json .HostConfig.Binds}}{{.HostConfig.CapAdd}}", '["/a:/b:ro"][]'],
    ["{{json .Config.Cmd}} {{json .Config.Entrypoint}}", '["/bin/sh"] null'],
    ["{{.ResolvConfPath}}", `/data/containers/${web.record.id}/resolv.conf`],
    ["{{.State.StartedAt}} {{.State.FinishedAt}}", "2024-05-01T11:58:00Z 0001-01-01T00:00:00Z"],
  ])("-f %s", async (format, expected) => {
    expect(await run("-f", format, "web")).toMatchObject({ code: 0, out: `${expected}\n` });
  });

  it("prints an array of all that is found and reports what is not", async () => {
    const { code, out, err } = await run("web", "alpine", "nothing");
    expect(JSON.parse(out).map(({ Id }: { Id: string }) => Id)).toEqual([web.record.id, alpine.id]);
    expect(err).toContain("tsrun: no such object: nothing\n");
    expect(code).toBe(1);
  });

  it("looks only for what --type says", async () => {
    expect((await run("--type", "container", "alpine")).code).toBe(1);
    expect((await run("--type", "volume", "alpine")).code).toBe(1);
    await expect(run("--type", "plugin", "x")).rejects.toThrow(
      'must be one of "container", "image", "network", "volume"',
    );
  });

  it("shows a volume as docker does", async () => {
    expect(JSON.parse((await run("data")).out)).toEqual([
      {
        CreatedAt: "2024-05-01T12:00:00Z",
        Driver: "local",
        Labels: null,
        Mountpoint: "/data/volumes/data/_data",
        Name: "data",
        Options: { device: "tmpfs", type: "tmpfs" },
        Scope: "local",
      },
    ]);
  });

  it("shows an image's names and configuration", async () => {
    const { out } = await runCommand(
      imageInspect,
      ["alpine", "-f", "{{.RepoTags}} {{.Config.Env}} {{.RootFS.Type}}"],
      { engine },
    );
    expect(out).toBe("[alpine:latest alpine:3.20] [PATH=/bin] layers\n");
  });
});

describe("commands on several containers", () => {
  it("goes on after a failure, reports it and exits 1", async () => {
    const killed: [string, string | undefined][] = [];
    const engine: FakeEngine = {
      async kill(name, signal) {
        if (name === "b") throw missing("CONTAINER");
        killed.push([name, signal]);
      },
    };
    const result = await runCommand(kill, ["-s", "HUP", "a", "b", "c"], { engine });
    expect(result).toEqual({ code: 1, out: "a\nc\n", err: "tsrun: no such container\n" });
    expect(killed).toEqual([
      ["a", "HUP"],
      ["c", "HUP"],
    ]);
  });

  it("stops them at the same time and prints them in order", async () => {
    let running = 0;
    let most = 0;
    const engine: FakeEngine = {
      async stop(name, options) {
        expect(options).toEqual({ timeout: 1 });
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, name === "a" ? 20 : 1));
        running--;
      },
    };
    expect(await runCommand(stop, ["-t", "1", "a", "b"], { engine })).toMatchObject({
      code: 0,
      out: "a\nb\n",
    });
    expect(most).toBe(2);
  });

  it("takes rm -f of what is not there as no failure", async () => {
    const engine: FakeEngine = {
      remove: async () => {
        throw missing("CONTAINER");
      },
    };
    expect(await runCommand(rm, ["-f", "x"], { engine })).toMatchObject({
      code: 0,
      err: "tsrun: no such container\n",
    });
    expect(await runCommand(rm, ["x"], { engine })).toMatchObject({ code: 1 });
  });

  it("says what rmi did", async () => {
    const engine: FakeEngine = {
      images: { remove: async () => ({ untagged: ["alpine:latest"], deleted: ["sha256:1"] }) },
    };
    expect((await runCommand(rmi, ["alpine"], { engine })).out).toBe(
      "Untagged: alpine:latest\nDeleted: sha256:1\n",
    );
  });
});

describe("pull", () => {
  const engine: FakeEngine = {
    images: {
      async pull(reference, options) {
        options?.onProgress?.({
          type: "start",
          reference: `${reference}:latest`,
          digest: "sha256:d",
          layers: 1,
          totalBytes: 10,
        });
        options?.onProgress?.({ type: "progress", receivedBytes: 10, totalBytes: 10 });
        options?.onProgress?.({
          type: "done",
          reference: `${reference}:latest`,
          digest: "sha256:d",
          upToDate: false,
        });
        return alpine;
      },
    },
  };

  it("ends as docker's does", async () => {
    expect((await runCommand(pull, ["alpine"], { engine })).out).toBe(
      [
        "Using default tag: latest",
        "latest: Pulling from library/alpine",
        "10B of 10B (100%)",
        "Digest: sha256:d",
        "Status: Downloaded newer image for alpine:latest",
        "docker.io/library/alpine:latest",
        "",
      ].join("\n"),
    );
  });

  it("prints only the name with -q", async () => {
    expect((await runCommand(pull, ["-q", "alpine"], { engine })).out).toBe(
      "docker.io/library/alpine:latest\n",
    );
  });
});

describe("logs", () => {
  it("writes each stream to its own, with times if asked for", async () => {
    const entries: LogEntry[] = [
      { stream: "stdout", time: "2024-05-01T00:00:00.1Z", text: "a\n" },
      { stream: "stderr", time: "2024-05-01T00:00:00.2Z", text: "b\n" },
    ];
    let asked: unknown;
    const engine: FakeEngine = {
      async *logs(_, options) {
        asked = options;
        yield* entries;
      },
    };
    expect(await runCommand(logs, ["-t", "-n", "5", "--until", "1700000000", "x"], { engine })).toEqual({
      code: 0,
      out: "2024-05-01T00:00:00.1Z a\n",
      err: "2024-05-01T00:00:00.2Z b\n",
    });
    expect(asked).toEqual({ follow: false, tail: 5, until: "1700000000" });
    await expect(runCommand(logs, ["-n", "x", "c"], { engine })).rejects.toThrow(
      '"x" is neither a number nor "all"',
    );
  });
});

describe("version", () => {
  it("answers where scripts ask for docker's server", async () => {
    expect((await runCommand(version, ["-f", "{{.Server.Version}}/{{.Client.Os}}"])).out).toMatch(
      /^\d+\.\d+\.\d+\/linux\n$/,
    );
  });
});
