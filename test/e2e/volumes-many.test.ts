/** Many at once: the same few names, made, used and removed by everybody. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { debianLayer } from "./support/debian.ts";
import { useHost } from "./support/host.ts";

const host = useHost();
const { output, tsrun } = host;

beforeAll(async () => {
  await host.registry().pushImage("library/redis", ["7"], {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    layers: [debianLayer("redis-server")],
    config: { Cmd: ["redis-server", "--dir", "/var/lib/redis", "--appendonly", "yes"], User: "redis" },
  });
  await output("pull", "-q", "redis:7");
}, 600_000);

const directory = join(host.root, "volumes");
const ACCEPTED = [/^$/, /no such volume/, /volume is in use/];

test("50 creates, removals and uses of overlapping names at once", async () => {
  const names = ["aa", "bb", "cc", "dd", "ee"];
  const results = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const name = names[index % names.length] as string;
      const other = names[(index * 3 + 1) % names.length] as string;
      if (index % 5 < 2) return tsrun("volume", "create", "--label", `by=${index}`, name);
      if (index % 5 < 4) return tsrun("volume", "rm", name);
      return tsrun(
        "run",
        "--rm",
        "--network",
        "none",
        "-v",
        `${name}:/www`,
        "-v",
        `${other}:/b`,
        "busybox",
        "cat",
        "/www/index.html",
      );
    }),
  );
  for (const { stderr } of results)
    expect(
      ACCEPTED.some((pattern) => pattern.test(stderr)),
      stderr,
    ).toBe(true);
  // Whoever ran found its volumes whole.
  expect(results.filter(({ stdout }) => stdout === "it works\n")).toHaveLength(10);
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    expect(names).toContain(name);
    expect(JSON.parse(readFileSync(join(directory, name, "volume.json"), "utf8"))).toMatchObject({
      name,
      driver: "local",
    });
    expect(readdirSync(join(directory, name)).sort()).toEqual(["_data", "volume.json"]);
  }
  expect(readdirSync(join(host.root, "tmp"))).toEqual([]);
  const left = (await output("volume", "ls", "-q")).split("\n").filter(Boolean);
  for (const name of left) await output("volume", "rm", name);
}, 120_000);

test("of 20 that create one name all get the same volume, and a removal gives it up once", async () => {
  const created = await Promise.all(
    Array.from({ length: 20 }, (_, n) => tsrun("volume", "create", "--label", `n=${n}`, "one")),
  );
  expect(new Set(created.map(({ code, stdout }) => `${code} ${stdout}`))).toEqual(new Set(["0 one\n"]));
  writeFileSync(join(directory, "one/_data/file"), "x");
  const removed = await Promise.all(Array.from({ length: 10 }, () => tsrun("volume", "rm", "one")));
  expect(removed.filter(({ code }) => code === 0)).toHaveLength(1);
  expect(existsSync(join(directory, "one"))).toBe(false);
});

test("the data of a database survives rm and run", async () => {
  const run = () =>
    output("run", "-d", "--name", "db", "--network", "none", "-v", "redis-data:/var/lib/redis", "redis:7");
  const redis = async (...words: string[]): Promise<string> => {
    for (let attempt = 0; ; attempt++) {
      const { code, stdout, stderr } = await tsrun("exec", "db", "redis-cli", ...words);
      if (code === 0 && !/LOADING|refused/.test(stdout + stderr)) return stdout.trim();
      if (attempt === 100) throw new Error(stdout + stderr);
    }
  };
  await run();
  expect(await redis("set", "greeting", "hello")).toBe("OK");
  await output("stop", "db");
  await output("rm", "-v", "db");
  await run();
  expect(await redis("get", "greeting")).toBe("hello");
  expect(await tsrun("volume", "rm", "redis-data")).toMatchObject({ code: 1 });
  await output("rm", "-f", "db");
  await output("volume", "rm", "redis-data");
});
