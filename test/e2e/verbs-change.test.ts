/** rename and update among other commands at work on the same containers. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { Engine, loadConfig, type TsrunError } from "../../src/index.ts";
import { detectCgroupDriver } from "../../src/runtime/cgroup/detect.ts";
import { useHost } from "./support/host.ts";

const IMAGE = "tsrun/base";
const MIB = 1024 * 1024;
const host = useHost({ pull: [IMAGE] });
const { output, tsrun } = host;
const engine = new Engine({
  paths: { root: host.root, run: host.run },
  config: loadConfig({ TSRUN_CONFIG: "" }),
});
const start = (name: string): Promise<string> =>
  output("run", "-d", "--network", "none", "--name", name, IMAGE, "sleep", "1000");
const create = (name: string): Promise<string> =>
  output("create", "--network", "none", "--name", name, IMAGE, "sleep", "1000");

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
});

/** Every name leads to the container whose record says it, and none is missing. */
function expectNamesToAgree(): void {
  const links = readdirSync(join(host.root, "names")).map(
    (name) => [name, readlinkSync(join(host.root, "names", name))] as const,
  );
  const records = host
    .containers()
    .map((id) => [
      JSON.parse(readFileSync(join(host.root, "containers", id, "config.json"), "utf8")).name,
      id,
    ]);
  expect(links.sort()).toEqual(records.sort());
}

function memoryLimit(id: string): number {
  const { version, directories } = detectCgroupDriver().open(`/tsrun/${id}`);
  const name = version === 1 ? "memory.limit_in_bytes" : "memory.max";
  const file = directories.map((directory) => join(directory, name)).find((path) => existsSync(path));
  return Number(readFileSync(file as string, "utf8"));
}

describe("rename", () => {
  test("gives a running or ended container another name", async () => {
    const id = await start("first");
    expect(await tsrun("rename", "first", "second")).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await output("container", "rename", id.slice(0, 8), "third")).toBe("");
    expect(await output("inspect", "-f", "{{.Id}} {{.Name}}", "third")).toBe(`${id} /third`);
    expect(await output("ps", "--format", "{{.Names}}")).toBe("third");
    expect(await tsrun("inspect", "first")).toMatchObject({ code: 1 });
    await start("first");
    await output("kill", "third");
    await output("rename", "third", "ended");
    expect(await output("rm", "ended")).toBe("ended");
    expect(await output("exec", "first", "echo", "still here")).toBe("still here");
    expectNamesToAgree();
  });

  test("says what is wrong with a name", async () => {
    await create("one");
    const other = await create("other");
    for (const [name, message] of [
      ["other", `The container name "/other" is already in use by container "${other}"`],
      ["one", "Renaming a container with the same name as its current name"],
      ["a b", "Invalid container name (a b)"],
      ["", "Neither old nor new names may be empty"],
    ] as const) {
      expect(await tsrun("rename", "one", name)).toMatchObject({
        code: 1,
        stdout: "",
        stderr: expect.stringContaining(message),
      });
    }
    expect(await tsrun("rename", "nobody", "x1")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("No such container: nobody"),
    });
    expectNamesToAgree();
  });

  test("of eight processes that want one name exactly one gets it", async () => {
    const names = Array.from({ length: 8 }, (_, index) => `c${index}`);
    for (const name of names) await engine.create({ image: IMAGE, name });
    const results = await Promise.all(names.map((name) => tsrun("rename", name, "wanted")));
    expect(results.map(({ code }) => code).sort()).toEqual([0, 1, 1, 1, 1, 1, 1, 1]);
    for (const { code, stderr } of results) if (code === 1) expect(stderr).toContain("already in use");
    expect(
      (await output("ps", "-a", "--format", "{{.Names}}")).split("\n").filter((name) => name === "wanted"),
    ).toHaveLength(1);
    expectNamesToAgree();
  });

  test("against rm, whoever comes first: no name leads nowhere, none is lost", async () => {
    for (let round = 0; round < 12; round++) {
      const { id } = await engine.create({ image: IMAGE, name: `r${round}` });
      const [renamed, removed] = await Promise.allSettled([
        sleep((round % 4) * 0.5).then(() => engine.rename(id, `s${round}`)),
        engine.remove(id),
      ]);
      expect(removed.status).toBe("fulfilled");
      if (renamed.status === "rejected")
        expect((renamed.reason as TsrunError).code).toBe("ERR_TSRUN_CONTAINER_NOT_FOUND");
      await engine.list();
      expectNamesToAgree();
    }
    expect(host.containers()).toEqual([]);
  });

  test("killed at any moment, it leaves a container with one name", async () => {
    const id = await create("k0");
    for (let round = 1; round <= 14; round++) {
      const renaming = host.start({}, "rename", id, `k${round}`);
      await sleep(40 + round * 6);
      renaming.child.kill("SIGKILL");
      await renaming.result;
      const name = await output("inspect", "-f", "{{.Name}}", id);
      expect([`/k${round}`, `/k${round - 1}`]).toContain(name);
      await output("ps");
      expectNamesToAgree();
      if (name !== `/k${round}`) await output("rename", id, `k${round}`);
    }
  });
});

describe("update", () => {
  test("against start: what runs has the limits that the record says", async () => {
    for (let round = 1; round <= 8; round++) {
      const { id } = await engine.create({
        image: IMAGE,
        network: "none",
        command: ["sleep", "1000"],
        resources: { memory: { limit: 64 * MIB } },
      });
      const limit = (64 + round) * MIB;
      const starting = engine.start(id);
      const updating = sleep(round * 4).then(() => tsrun("update", "-m", String(limit), id));
      const [handle, { code, stderr }] = await Promise.all([starting, updating]);
      handle.detach();
      expect(code, stderr).toBe(0);
      expect((await engine.inspect(id)).record.options.resources?.memory?.limit).toBe(limit);
      expect(memoryLimit(id)).toBe(limit);
      await engine.remove(id, { force: true });
    }
  });

  test("against the end: the record has the new limit, whether it was told while it ran or after", async () => {
    for (let round = 1; round <= 6; round++) {
      const id = await start(`e${round}`);
      const [, { code }] = await Promise.all([
        output("kill", id),
        sleep(round * 5).then(() => tsrun("update", "-m", "77m", id)),
      ]);
      expect(code).toBe(0);
      expect(await output("inspect", "-f", "{{.HostConfig.Memory}} {{.State.Status}}", id)).toBe(
        `${77 * MIB} exited`,
      );
    }
  });

  test("of a container that waits to be restarted counts from its next start", async () => {
    const id = await output("run", "-d", "--network", "none", "--restart", "always", IMAGE, "false");
    const status = (): Promise<string> => output("inspect", "-f", "{{.State.Status}}", id);
    // Each wait is twice as long: the seventh takes six seconds.
    await expect
      .poll(async () => Number(await output("inspect", "-f", "{{.RestartCount}}", id)), { timeout: 30_000 })
      .toBeGreaterThanOrEqual(6);
    await expect.poll(status).toBe("restarting");
    const refused = [
      ["pause", id],
      ["top", id],
      ["exec", id, "true"],
      ["attach", id],
    ];
    // All at once: the container waits no longer on a slow machine.
    const [attach, ...others] = (await Promise.all(refused.map((words) => tsrun(...words)))).reverse();
    for (const { stderr } of others)
      expect(stderr).toContain("is restarting, wait until the container is running");
    expect(attach?.stderr).toContain("You cannot attach to a restarting container");
    await output("update", "-m", "64m", "--restart", "no", id);
    await expect.poll(status, { timeout: 30_000 }).toBe("exited");
    expect(await output("inspect", "-f", "{{.HostConfig.Memory}}", id)).toBe(String(64 * MIB));
  });

  test("by several at once: each limit is somebody's, and none is lost", async () => {
    const id = await start("busy");
    const results = await Promise.all([
      tsrun("update", "-m", "64m", id),
      tsrun("update", "--pids-limit", "33", id),
      tsrun("update", "--cpu-shares", "777", id),
      tsrun("rename", id, "busier"),
    ]);
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    const format = "{{.Name}} {{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.CpuShares}}";
    expect(await output("inspect", "-f", format, id)).toBe(`/busier ${64 * MIB} 33 777`);
  });
});
