import { describe, expect, it } from "vitest";
import { complete } from "../../../../src/cli/completion/complete.ts";
import { type Names, renderCompletion } from "../../../../src/cli/completion/completion.ts";
import { engineNames } from "../../../../src/cli/completion/names.ts";
import { positionalsOf } from "../../../../src/cli/completion/positionals.ts";
import { commands, groups } from "../../../../src/cli/registry.ts";
import type { EngineApi } from "../../../../src/engine/api.ts";
import { BRIDGE, HOST, NONE } from "../../../../src/network/predefined.ts";
import { container, type FakeEngine, NOW } from "../fake.ts";

const engine: FakeEngine = {
  list: async () => [
    container("web"),
    container("db"),
    container("old", { state: { status: "exited", pid: 0, finishedAt: "2024-05-01T11:59:57Z" } }),
    container("ice", { state: { paused: true, pid: 9 } }),
  ],
  images: {
    list: async () => [
      {
        id: `sha256:${"a1".repeat(32)}`,
        names: ["alpine:3.20", "alpine:latest"],
        digests: [],
        created: "",
        size: 1,
      },
    ],
  },
  networks: {
    list: async () =>
      [BRIDGE, { ...BRIDGE, name: "front" }, HOST, NONE].map((network) => ({ ...network, containers: [] })),
  },
  volumes: {
    list: async () => [
      { name: "data", driver: "local", options: {}, labels: {}, createdAt: "", mountpoint: "/d", users: [] },
    ],
  },
};
const NETWORKS = ["bridge", "front", "host", "none"];
const names = engineNames(
  async () => engine as EngineApi,
  () => NOW,
);
/** For what needs none: asking is a failure. */
const noNames = engineNames(
  () => Promise.reject(new Error("the engine was asked")),
  () => NOW,
);

/** What the last of the words can become, the line being split at blanks; `env` has one variable. */
const completion = (line: string, from: Names = noNames) =>
  complete(line.split(" "), { names: from, env: { HOME: "/root" } });
const texts = async (line: string, from?: Names): Promise<string[]> =>
  (await completion(line, from)).candidates.map(({ text }) => text);

describe("complete", () => {
  it.each([
    ["vers", ["version"]],
    ["buil", ["build", "builder"]],
    ["build --network ", ["default", "none", "host"]],
    ["build --on-error=", ["--on-error=shell"]],
    ["build --cache-to type=l", ["type=local,"]],
    ["builder prune --filter un", ["until=", "unused-for="]],
    ["--deb", ["--debug"]],
    ["--debug vers", ["version"]],
    ["--log-level er", ["error"]],
    ["-l er", ["error"]],
    ["--root /data image l", ["load", "ls"]],
    ["help container sto", ["stop"]],
    ["container ins", ["inspect"]],
    ["container --", ["--help"]],
    ["reap", []],
    ["__comp", []],
    ["container rea", []],
    ["version ", []],

    ["run --netw", ["--network", "--network-alias"]],
    ["run --networ=", []],
    ["run --pull ", ["always", "missing", "never"]],
    ["run --init=", ["--init=true", "--init=false"]],
    ["run -it --log-driver ", ["json-file", "none"]],
    ["run -itu root --name x --entryp", ["--entrypoint"]],
    ["run -ite HOM", ["HOME"]],
    ["run --rm --rm", []],
    ["run -e A=1 --env", ["--env", "--env-file"]],
    ["run --cap-add SYS_A", ["SYS_ADMIN"]],
    ["run --cap-drop CAP_SYS_A", ["CAP_SYS_ADMIN"]],
    ["run --publi", ["--publish", "--publish-all"]],
    ["run alpine --rm", []],
    ["run --userns h", ["host"]],
    ["kill --signal SIGSTO", ["SIGSTOP"]],
    ["kill -s SIGSTO", ["SIGSTOP"]],
    ["ps --filter sta", ["status="]],
    ["ps --filter status=pa", ["status=paused"]],
    ["images -f dangling=t", ["dangling=true"]],
    ["inspect --type ", ["container", "image", "network", "volume"]],
    ["completion ", ["bash", "zsh", "fish"]],
    ["completion bash ", []],
  ])("%j", async (line, expected) => {
    expect(await texts(line)).toEqual(expected);
  });

  it.each([
    ["stop ", ["web", "db", "ice"]],
    ["stop web ", ["db", "ice"]],
    ["exec -it d", ["db"]],
    ["exec db ", []],
    ["rm ", ["web", "db", "old", "ice"]],
    ["container rm -f o", ["old"]],
    ["logs o", ["old"]],
    ["logs old ", []],
    ["logs -- --", []],
    ["stats w", ["web"]],
    ["run al", ["alpine:3.20", "alpine:latest"]],
    ["run alpine:l", ["alpine:latest"]],
    ["run alpine ", []],
    ["rmi alpine:3.20 ", ["alpine:latest"]],
    ["images al", ["alpine:3.20", "alpine:latest"]],
    ["inspect ", ["web", "db", "old", "ice", "alpine:3.20", "alpine:latest", ...NETWORKS, "data"]],
    ["container inspect i", ["ice"]],
    ["run --network n", ["none"]],
    ["run --net f", ["front"]],
    ["run --uts ", ["host"]],
    ["run --pid h", ["host"]],
    ["run --pid container:", ["container:web", "container:db", "container:ice"]],
    ["run --ipc s", ["shareable"]],
    ["run --network=", ["--network=bridge", "--network=front", "--network=host", "--network=none"]],
    ["network rm fr", ["front"]],
    ["network connect front d", ["db"]],
    ["network ls --filter dri", ["driver="]],
    ["volume rm ", ["data"]],
    ["volume inspect d", ["data"]],
    ["ps --filter volume=", ["volume=data"]],
  ])("%j, from what there is", async (line, expected) => {
    expect(await texts(line, names)).toEqual(expected);
  });

  it.each([
    ["run --env-file ", { files: "any" }],
    ["run --env-file=./x", { files: "any" }],
    ["run -v /e", { files: "any" }],
    ["run -v /etc:/", { candidates: [] }],
    ["--root ", { files: "directories" }],
    ["run --ulimit nofi", { partial: true }],
  ])("%j asks the shell", async (line, expected) => {
    expect(await completion(line, names)).toMatchObject(expected);
  });

  it.each(["nosuch ", "container nosuch "])("has nothing to say of %j", async (line) => {
    await expect(complete(line.split(" "), { names, env: {} })).rejects.toThrow("unknown command");
  });

  it("tells what is what", async () => {
    const { candidates } = await completion("rm ", names);
    expect(candidates[2]).toEqual({ text: "old", note: "alpine, Exited (0) 3 seconds ago" });
  });

  it("offers every command and option without asking for anything", async () => {
    for (const name of Object.keys(commands)) await texts(`${name} -`);
    for (const name of Object.keys(groups)) expect(await texts(`${name} `)).not.toEqual([]);
  });
});

describe("positionals", () => {
  const at = async (usage: string, command: string, ...before: string[]) =>
    await positionalsOf({ usage, command, before, names });

  it.each([
    ["[OPTIONS] CONTAINER [CONTAINER...]", "start", [], ["old"]],
    ["CONTAINER [CONTAINER...]", "unpause", [], ["ice"]],
    ["CONTAINER NEW_NAME", "rename", ["web"], []],
    ["SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", "tag", ["x"], ["alpine:3.20", "alpine:latest"]],
    ["NETWORK CONTAINER", "connect", [], NETWORKS],
    ["NETWORK CONTAINER", "connect", ["bridge"], ["web", "db", "old", "ice"]],
  ])("%s of %s after %j", async (usage, command, before, expected) => {
    const { candidates } = await at(usage, command, ...before);
    expect(candidates.map(({ text }) => text)).toEqual(expected);
  });

  it("are files where the usage says so", async () => {
    expect(await at("file|URL|- [REPOSITORY[:TAG]]", "import")).toEqual({ candidates: [], files: "any" });
  });

  it("of cp are files and the beginnings of paths in containers", async () => {
    expect(await at("[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-", "cp", "x")).toMatchObject({
      candidates: expect.arrayContaining([{ text: "old:" }]),
      files: "any",
      partial: true,
    });
  });
});

describe("renderCompletion", () => {
  it.each([
    [{ candidates: [{ text: "a", note: "b c" }, { text: "d" }] }, "a\tb c\nd\n:4\n"],
    [{ candidates: [], files: "any" as const }, ":0\n"],
    [{ candidates: [], files: "directories" as const }, ":16\n"],
    [{ candidates: [{ text: "x=" }], partial: true }, "x=\n:6\n"],
  ])("%j", (given, expected) => {
    expect(renderCompletion(given)).toBe(expected);
  });
});
