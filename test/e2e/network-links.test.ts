/** `--link` and `--network container:`: what ties one container to another, whatever becomes of that one. */
import { rmSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { eventually, killNow, monitorsOf } from "./support/crash.ts";
import { useHost } from "./support/host.ts";

const IMAGE = "tsrun/base";
const host = useHost({ pull: [IMAGE] });
const { output, tsrun } = host;
const run = (name: string, ...flags: string[]): Promise<string> =>
  output("run", "-d", "--name", name, "--stop-timeout", "0", ...flags, IMAGE, "sleep", "1000");
const inspect = (name: string, template: string): Promise<string> => output("inspect", "-f", template, name);

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
  await output("network", "prune", "-f");
});

describe("a linked container", () => {
  test("may be renamed: the link is the same container's at the next start, and is shown by its new name", async () => {
    await run("db-1");
    await run("web", "--link", "db-1:db");
    await output("rename", "db-1", "store");
    await run("db-1"); // another one, by the old name
    await output("restart", "web");
    const address = await inspect("store", "{{.NetworkSettings.IPAddress}}");
    expect(await output("exec", "web", "cat", "/etc/hosts")).toMatch(
      new RegExp(`^${address}\tdb [0-9a-f]{12} store$`, "m"),
    );
    expect(await inspect("web", "{{json .HostConfig.Links}}")).toBe('["/store:/web/db"]');
  });

  test("may be renamed on a network of the user's own", async () => {
    await output("network", "create", "front");
    await run("db-1", "--network", "front");
    await run("web", "--network", "front", "--link", "db-1:db");
    await output("rename", "db-1", "store");
    const address = await inspect("store", "{{.NetworkSettings.Networks.front.IPAddress}}");
    expect(await output("exec", "web", "nslookup", "-type=a", "db.", "127.0.0.11")).toContain(address);
    await output("restart", "web");
    expect(await output("exec", "web", "nslookup", "-type=a", "db.", "127.0.0.11")).toContain(address);
    expect(await inspect("web", "{{json .NetworkSettings.Networks.front.Links}}")).toBe('["store:db"]');
  });

  test("that does not run, or is gone, keeps nobody from another network", async () => {
    await output("network", "create", "front");
    await output("network", "create", "back");
    for (const name of ["db-1", "db-2"]) await run(name);
    await run("web", "--link", "db-1", "--link", "db-2");
    await output("stop", "db-1");
    const since = String(Date.now() / 1000);
    await output("network", "connect", "front", "web");
    expect(await output("exec", "web", "cat", "/etc/resolv.conf")).toContain("nameserver 127.0.0.11");
    const hosts = await output("exec", "web", "cat", "/etc/hosts");
    expect(hosts).toContain(await inspect("web", "{{.NetworkSettings.Networks.front.IPAddress}}"));
    expect(hosts).toMatch(/\tdb-2 /);
    expect(hosts).not.toMatch(/\tdb-1 /);
    await output("rm", "-f", "db-1", "db-2");
    await output("network", "connect", "back", "web");
    await output("network", "disconnect", "front", "web");
    const filters = ["-f", "type=network", "--format", '{{.Action}} {{index .Actor.Attributes "name"}}'];
    const events = (await output("events", "--since", since, "--until", "0s", ...filters)).split("\n");
    expect(events.filter((line) => !line.endsWith(" bridge"))).toEqual([
      "connect front",
      "connect back",
      "disconnect front",
    ]);
    // A start needs them as before.
    expect((await tsrun("restart", "web")).stderr).toContain("could not get container for");
  });
});

test("after a boot, containers are started after those that they are linked to or whose network they join", async () => {
  const always = ["--restart", "always"];
  await output("network", "create", "front");
  await run("joined", ...always, "--network", "front");
  await run("linked", ...always, "--network", "front");
  await run("db-1", ...always, "-v", "data:/data", "--health-cmd", "true");
  await run("web", ...always, "--link", "db-1:db");
  await run("side", ...always, "--network", "container:web");
  await run("first", ...always, "--network", "container:side");
  await output("network", "connect", "--link", "web:site", "bridge", "linked");
  for (const pid of monitorsOf(host)) killNow(pid);
  await eventually(() => (monitorsOf(host).length === 0 ? true : undefined));
  rmSync(host.run, { recursive: true });

  const { code, stdout, stderr } = await tsrun("system", "boot");
  expect([code, stderr]).toEqual([0, ""]);
  const started = stdout.trim().split("\n");
  expect([...started].sort()).toEqual(["db-1", "first", "joined", "linked", "side", "web"]);
  for (const [one, needed] of [
    ["web", "db-1"],
    ["side", "web"],
    ["first", "side"],
    ["linked", "web"],
  ] as const)
    expect(started.indexOf(one), `${one} after ${needed}`).toBeGreaterThan(started.indexOf(needed));
  await output("rm", "-fv", ...host.containers());
  await output("volume", "rm", "data");
});
