import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildFlags } from "../../../../src/cli/build-flags.ts";
import { buildOptions } from "../../../../src/cli/build-options.ts";
import { progressMode } from "../../../../src/cli/build-progress.ts";
import { parseArguments } from "../../../../src/cli/parse.ts";
import type { Terminal } from "../../../../src/cli/terminal.ts";

let directory: string;
let secret: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "tsrun-build-options-"));
  secret = join(directory, "secret");
  writeFileSync(secret, "geheim");
});
afterAll(() => rmSync(directory, { recursive: true }));

const parse = (argv: readonly string[]) => parseArguments(argv, buildFlags, { interspersed: true }).options;
const terminal = (...fds: number[]) => ({ isTerminal: (fd: number) => fds.includes(fd) }) as Terminal;
const options = (argv: readonly string[], env: Record<string, string> = {}) =>
  buildOptions(parse(argv), { env, terminal: terminal() });

describe("the words of build", () => {
  it("ask for nothing where nothing is said", () => {
    expect(options([])).toEqual({
      tags: [],
      buildArgs: {},
      labels: {},
      annotations: {},
      platforms: [],
      pull: false,
      squash: false,
      namedContexts: {},
      secrets: [],
      ssh: [],
      addHosts: [],
      allow: [],
      ulimits: [],
      cacheFrom: [],
      cacheTo: [],
    });
  });

  it("are names, values and limits", () => {
    const argv =
      "-t a -t b:2 --label x=1 --label y --annotation manifest:k=v --target web --platform linux/amd64,linux/arm64 --network none --shm-size 64m --ulimit nofile=10:20 --add-host db:10.0.0.1 --allow network.host --no-cache-filter one,two --cgroup-parent /x --squash --pull --build-context Lib=../lib";
    expect(options(argv.split(" "))).toMatchObject({
      tags: ["a", "b:2"],
      labels: { x: "1", y: "" },
      annotations: { k: "v" },
      target: "web",
      platforms: ["linux/amd64", "linux/arm64"],
      network: "none",
      shmSize: 64 * 1024 * 1024,
      ulimits: [{ name: "nofile", soft: 10, hard: 20 }],
      addHosts: ["db:10.0.0.1"],
      allow: ["network.host"],
      noCache: ["one", "two"],
      cgroupParent: "/x",
      squash: true,
      pull: true,
      namedContexts: { lib: "../lib" },
    });
  });

  it("take the values of build arguments from the environment", () => {
    const env = { FROM_ENV: "1", SOURCE_DATE_EPOCH: "1700000000", DOCKER_DEFAULT_PLATFORM: "linux/arm64" };
    expect(
      options(["--build-arg", "A=b=c", "--build-arg", "FROM_ENV", "--build-arg", "UNSET"], env),
    ).toMatchObject({
      buildArgs: { A: "b=c", FROM_ENV: "1" },
      sourceDateEpoch: 1_700_000_000,
      platforms: ["linux/arm64"],
    });
    expect(options(["--build-arg", "SOURCE_DATE_EPOCH=5"], env).sourceDateEpoch).toBe(5);
    expect(() => options([], { SOURCE_DATE_EPOCH: "yesterday" })).toThrow("invalid SOURCE_DATE_EPOCH");
  });

  it("name secrets by files and variables", () => {
    const env = { TOKEN: "t" };
    const from = (text: string) => options(["--secret", text], env).secrets?.[0];
    expect(from(`id=a,src=${secret}`)).toEqual({ id: "a", from: { file: secret } });
    expect(from(`type=file,id=a,source=${secret}`)).toEqual({ id: "a", from: { file: secret } });
    expect(from("id=a,env=TOKEN")).toEqual({ id: "a", from: { env: "TOKEN" } });
    expect(from("type=env,id=TOKEN")).toEqual({ id: "TOKEN", from: { env: "TOKEN" } });
    expect(from("id=TOKEN")).toEqual({ id: "TOKEN", from: { env: "TOKEN" } });
    expect(() => from("id=a,src=/none")).toThrow("secret a: failed to stat /none: no such file or directory");
    expect(() => from("id=a,env=NONE")).toThrow("environment variable NONE is not set");
    expect(() => from("src=/none")).toThrow("a secret needs an id");
    expect(() => from("id=a,what=b")).toThrow("unexpected key 'what'");
  });

  it("name agents and keys", () => {
    const env = { SSH_AUTH_SOCK: "/agent" };
    expect(options(["--ssh", "default"], env).ssh).toEqual([{ id: "default", paths: ["/agent"] }]);
    expect(options(["--ssh", `key=${secret}`], env).ssh).toEqual([{ id: "key", paths: [secret] }]);
    expect(() => options(["--ssh", "default"])).toThrow("SSH_AUTH_SOCK is not set");
  });

  it("name caches", () => {
    const { cacheFrom, cacheTo } = options([
      "--cache-from",
      "user/app:cache",
      "--cache-from",
      "type=local,src=in",
      "--cache-to",
      "type=registry,ref=r/x,mode=max",
      "--cache-to",
      "type=inline",
    ]);
    expect(cacheFrom).toEqual([
      { type: "registry", attributes: { ref: "user/app:cache" } },
      { type: "local", attributes: { src: "in" } },
    ]);
    expect(cacheTo).toEqual([
      { type: "registry", attributes: { ref: "r/x", mode: "max" } },
      { type: "inline", attributes: {} },
    ]);
  });

  it.each([
    [["-o", "out"], [{ type: "local", directory: join(process.cwd(), "out") }]],
    [["-o", "type=local,dest=/x"], [{ type: "local", directory: "/x" }]],
    [["-o", "-"], [{ type: "tar", to: expect.any(Function), names: [] }]],
    [["-o", "type=tar,dest=/x.tar"], [{ type: "tar", to: "/x.tar", names: [] }]],
    [["-t", "a", "-o", "type=oci,dest=/x"], [{ type: "oci", to: "/x", names: ["a"] }]],
    [["-t", "a", "-o", "type=oci,dest=/x,name=b"], [{ type: "oci", to: "/x", names: ["b"] }]],
    [["-t", "a", "-o", "type=docker"], [{ type: "image", names: ["a"], push: false }]],
    [
      ["-t", "a", "-o", '"type=image","name=b,c",push=true'],
      [{ type: "image", names: ["b", "c"], push: true }],
    ],
    [["-t", "a", "--push"], [{ type: "image", names: ["a"], push: true }]],
    [
      ["-t", "a", "-o", "/x", "--load"],
      [
        { type: "local", directory: "/x" },
        { type: "image", names: ["a"], push: false },
      ],
    ],
  ])("%j is an output", (argv, outputs) => {
    expect(options(argv).outputs).toEqual(outputs);
  });

  it.each([
    [["--push"], "tag is needed when pushing to registry"],
    [["-t", "a", "--push", "--load"], "push and load may not be set together"],
    [["-o", "out", "--iidfile", "id"], "incompatible with image ID file"],
    [["-o", "type=local"], "dest is required for local exporter"],
    [["-o", "type=cacheonly"], "outputs of type cacheonly are not supported"],
    [["-o", "dest=x"], "type is required for output"],
    [["-o", "-", "-o", "type=oci"], "only one output can go to standard output"],
    [["--cache-to", "type=gha"], "a cache of type gha is not supported"],
    [["--cache-to", "type=local"], "local cache needs dest"],
    [["--annotation", "index:a=b"], "annotations of index are not supported"],
    [["--annotation", "a"], "expected key=value"],
    [["--provenance", "mode=max"], "tsrun makes no attestations"],
    [["--sbom=true"], "tsrun makes no attestations"],
    [["--rm=false"], "a build leaves no containers"],
    [["--resource", "memory=1g"], "name the limits: --memory"],
    [["--memory", "1m"], "Minimum memory limit allowed is 6MB"],
    [["--memory-swap", "1g"], "You should always set the Memory limit"],
    [["--network", "mine"], 'must be one of "default", "none", "host"'],
    [["--build-context", "x"], "invalid context value: x, expected key=value"],
    [["--ssh", "=x"], "it needs an id"],
    [["--isolation", "hyperv"], "other isolation technologies are not supported"],
  ])("%j is refused", (argv, message) => {
    expect(() => options(argv)).toThrow(message);
  });

  it("limit each RUN as run is limited", () => {
    const argv =
      "-m 64m --memory-swap -1 -c 512 --cpu-period 50000 --cpu-quota 25000 --cpuset-cpus 0 --cpuset-mems 0";
    expect(options(argv.split(" ")).resources).toEqual({
      memory: { limit: 64 * 1024 * 1024, swap: -1 },
      cpu: { shares: 512, period: 50_000, quota: 25_000, cpus: "0", mems: "0" },
    });
  });

  it("say that no attestations are wanted", () => {
    const argv = ["--provenance=false", "--sbom", "false", "--attest", "type=provenance,disabled=true"];
    expect(() => options(argv)).not.toThrow();
  });

  it("send no archive to a terminal", () => {
    const context = { env: {}, terminal: terminal(1) };
    expect(() => buildOptions(parse(["-o", "-"]), context)).toThrow("refusing to write to console");
  });
});

describe("the mode of the progress", () => {
  const mode = (argv: readonly string[], env: Record<string, string> = {}, ...fds: number[]) => {
    const { progress, quiet } = parse(argv);
    return progressMode({ progress, quiet }, { env, terminal: terminal(...fds) });
  };

  it("is what fits, what the environment says, or what is asked for", () => {
    expect(mode([])).toBe("plain");
    expect(mode([], {}, 2)).toBe("tty");
    expect(mode([], { BUILDKIT_PROGRESS: "rawjson" }, 2)).toBe("rawjson");
    expect(mode(["--progress", "plain"], { BUILDKIT_PROGRESS: "rawjson" }, 2)).toBe("plain");
    expect(mode(["-q"], { BUILDKIT_PROGRESS: "plain" }, 2)).toBe("quiet");
    expect(mode(["--progress", "quiet"])).toBe("quiet");
  });

  it("is one of few, and fits", () => {
    expect(() => mode(["-q", "--progress", "plain"])).toThrow(
      "progress=plain and quiet cannot be used together",
    );
    expect(() => mode(["--progress", "tty"])).toThrow("standard error is no terminal");
    expect(() => mode([], { BUILDKIT_PROGRESS: "loud" })).toThrow("invalid progress mode loud");
  });
});
