/** Containers in a user namespace of their own: root inside is nobody of importance outside. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { REPOSITORY } from "../support/cli.ts";
import { useHost } from "./support/host.ts";

const host = useHost({ pull: [] });
const { output, tsrun } = host;
const BASE = "tsrun/base";
const AUTO = 700_000_000;
/** The user that scripts/test-user makes, and what /etc/subuid gives it. */
const USER = "tsrun-user-51234";
const REMAP = 51_234 * 65_536;
const none = ["--rm", "--network", "none"];

/** "inside outside size", of both files. */
const MAPS = 'cat /proc/self/uid_map /proc/self/gid_map | tr -s " "';
const map = (first: number, size: number): string => {
  const line = ` 0 ${first} ${size}`;
  return `${line}\n${line}`;
};
const pidOf = async (name: string): Promise<number> =>
  Number(await output("inspect", "-f", "{{.State.Pid}}", name));
const upperOf = async (name: string): Promise<string> =>
  join(host.root, "containers", await output("inspect", "-f", "{{.Id}}", name), "upper");

beforeAll(() => {
  // The test host's own files of ids, which the machine's are not.
  execFileSync(join(REPOSITORY, "scripts/test-user"), ["true"]);
  for (const file of ["/etc/subuid", "/etc/subgid"]) {
    if (readFileSync(file, "utf8").includes("containers:")) continue;
    appendFileSync(file, `containers:${AUTO}:1000000\n`);
  }
});

describe("--userns=auto", () => {
  test("gives each container ids that no other one has, as many as its image needs", async () => {
    const maps = await Promise.all(
      ["one", "two"].map(async (name) => {
        await output("run", "-d", "--name", name, "--network", "none", "--userns=auto", BASE, "sleep", "100");
        return output("exec", name, "sh", "-c", MAPS);
      }),
    );
    const firsts = maps.map((text) => Number(text.trim().split(" ")[1]));
    expect(maps).toEqual(firsts.map((first) => map(first, 1024)));
    expect(Math.abs((firsts[0] ?? 0) - (firsts[1] ?? 0))).toBeGreaterThanOrEqual(1024);
    for (const first of firsts) expect(first).toBeGreaterThanOrEqual(AUTO);
    expect(statSync(`/proc/${await pidOf("one")}`).uid).toBe(firsts[0]);
    expect(await output("inspect", "-f", "{{.HostConfig.UsernsMode}}", "one")).toBe("auto");
    await output("restart", "-t", "0", "one");
    expect(await output("exec", "one", "sh", "-c", MAPS)).toBe(maps[0]);
    await output("rm", "-f", "one", "two");
    expect(readdirSync(join(host.root, "userns"))).toEqual([]);
  });

  test("as many as are asked for, and what there is not is said", async () => {
    expect(await output("run", ...none, "--userns=auto:size=5000", BASE, "sh", "-c", MAPS)).toMatch(/ 5000$/);
    expect(await output("run", ...none, "--userns=auto", "-u", "4000", BASE, "sh", "-c", MAPS)).toMatch(
      / 4001$/,
    );
    await output("run", "-d", "--name", "few", "--network", "none", "--userns=auto", BASE, "sleep", "100");
    expect(await tsrun("exec", "-u", "5000", "few", "true")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no user or group 5000"),
    });
    await output("rm", "-f", "few");
    const missing = await tsrun("run", ...none, "--userns=auto:size=100", "-u", "500", BASE, "true");
    expect(missing).toMatchObject({
      code: 125,
      stderr: expect.stringContaining("no user or group 500"),
    });
    const many = await tsrun("run", ...none, "--userns=auto:size=99999999", BASE, "true");
    expect(many).toMatchObject({
      code: 125,
      stderr: expect.stringContaining("no 99999999 consecutive ids"),
    });
    expect(readdirSync(join(host.root, "userns"))).toEqual([]);
  });
});

test("keep-id: every id is itself, its privileges are not the host's", async () => {
  expect(await output("run", ...none, "--userns=keep-id", BASE, "sh", "-c", MAPS)).toBe(map(0, 4294967295));
  const names = await output("run", ...none, "--userns=keep-id", BASE, "readlink", "/proc/self/ns/user");
  expect(names).not.toBe(
    execFileSync("readlink", ["/proc/self/ns/user"], {
      encoding: "utf8",
    }).trim(),
  );
});

describe("userns-remap, for all containers", () => {
  beforeAll(() => host.configure({ "userns-remap": USER }));

  test("maps the same ids for each, unless it is to have the host's users", async () => {
    expect(await output("run", ...none, BASE, "sh", "-c", MAPS)).toBe(map(REMAP, 65_536));
    expect(await output("run", ...none, "--userns=host", BASE, "sh", "-c", MAPS)).toBe(map(0, 4294967295));
  });

  test("nothing on disk belongs to anybody else for it, whatever command looks", async () => {
    const script = "touch /own /root/x; chown 7:8 /own; exec sleep 100";
    await output("run", "-d", "--name", "disk", "--network", "none", BASE, "sh", "-c", script);
    const upper = await upperOf("disk");
    await expect
      .poll(() => lstatSync(join(upper, "own"), { throwIfNoEntry: false }))
      .toMatchObject({ uid: 7, gid: 8 });
    expect(statSync(`/proc/${await pidOf("disk")}/root/own`).uid).toBe(REMAP + 7);
    expect(await output("diff", "disk")).toContain("A /own");
    const file = join(host.directory, "own");
    await output("cp", "-a", "disk:/own", file);
    expect(lstatSync(file)).toMatchObject({ uid: 7, gid: 8 });
    await output("cp", "-a", file, "disk:/back");
    await output("cp", file, "disk:/roots");
    expect(await output("exec", "disk", "stat", "-c", "%u:%g", "/back", "/roots")).toBe("7:8\n0:0");
    expect(lstatSync(join(upper, "back"))).toMatchObject({ uid: 7, gid: 8 });
    const tar = join(host.directory, "disk.tar");
    await output("export", "-o", tar, "disk");
    expect(
      execFileSync("tar", ["tvf", tar, "--numeric-owner", "own"], {
        encoding: "utf8",
      }),
    ).toMatch(/ 7\/8 /);
    await output("commit", "disk", "committed");
    await output("rm", "-f", "disk");
    expect(await output("run", ...none, "--userns=host", "committed", "stat", "-c", "%u:%g", "/own")).toBe(
      "7:8",
    );
    await output("rmi", "committed");
  });

  test("a volume is every container's, a directory of the host is not", async () => {
    const script = "touch /v/f; chown 2000 /v/f; touch /b/f 2>&1; stat -c %u /b; exit 0";
    const directory = join(host.directory, "bound");
    mkdirSync(directory);
    const said = await output(
      "run",
      ...none,
      "-v",
      "files:/v",
      "-v",
      `${directory}:/b`,
      BASE,
      "sh",
      "-c",
      script,
    );
    expect(said.split("\n")).toEqual(["touch: /b/f: Permission denied", "65534"]);
    const look = ["run", ...none, "-v", "files:/v"];
    expect(await output(...look, "--userns=host", BASE, "stat", "-c", "%u", "/v/f")).toBe("2000");
    expect(await output(...look, "--userns=auto", BASE, "stat", "-c", "%u", "/v/f")).toBe("65534");
    expect(await output(...look, "--userns=auto:size=3000", BASE, "stat", "-c", "%u", "/v/f")).toBe("2000");
    expect(
      await output(
        "run",
        ...none,
        "-v",
        `${directory}:/b:U`,
        BASE,
        "sh",
        "-c",
        "touch /b/f && stat -c %u /b",
      ),
    ).toBe("0");
    expect(statSync(join(directory, "f")).uid).toBe(0);
    await output("volume", "rm", "files");
  });

  test("a setuid program makes its user the container's root", async () => {
    const source =
      '#include <stdio.h>\n#include <unistd.h>\nint main(void) { printf("%d %d\\n", getuid(), geteuid()); }\n';
    const program = join(host.directory, "who");
    execFileSync("cc", ["-static", "-x", "c", "-o", program, "-"], {
      input: source,
    });
    await output("run", "-d", "--name", "setuid", "--network", "none", BASE, "sleep", "100");
    await output("cp", program, "setuid:/who");
    await output("exec", "setuid", "chmod", "4755", "/who");
    expect(await output("exec", "-u", "1000", "setuid", "/who")).toBe("1000 0");
    await output("rm", "-f", "setuid");
  });

  test("networks, ports, health checks, statistics and a terminal", async () => {
    const script =
      "echo said > /dev/stdout; mkdir /www; echo web > /www/index.html; exec httpd -f -p 80 -h /www";
    const health = ["--health-cmd", "test $(id -u) = 0", "--health-interval", "100ms"];
    await output(
      "run",
      "-d",
      "--name",
      "web",
      "-p",
      "127.0.0.1:18231:80",
      ...health,
      BASE,
      "sh",
      "-c",
      script,
    );
    await expect
      .poll(async () => (await fetch("http://127.0.0.1:18231/").catch(() => undefined))?.text())
      .toBe("web\n");
    expect(await output("logs", "web")).toBe("said");
    const other = ["run", "--rm", "--network", "container:web", BASE, "wget", "-qO-", "http://127.0.0.1/"];
    expect(await output(...other)).toBe("web");
    expect(await output("run", "--rm", BASE, "ping", "-c", "1", "-w", "5", "172.17.0.1")).toContain(
      " 0% packet loss",
    );
    await expect.poll(() => output("inspect", "-f", "{{.State.Health.Status}}", "web")).toBe("healthy");
    expect(await output("stats", "--no-stream", "--format", "{{.PIDs}}", "web")).toMatch(/^[12]/);
    expect(await output("exec", "-t", "web", "sh", "-c", "stat -c %u:%g $(tty)")).toBe("0:5\r");
    expect(await output("exec", "-u", "1000", "web", "sh", "-c", "echo mine > /dev/stdout")).toBe("mine");
    await output("rm", "-f", "web");
  });

  test("is a Plan like any other: shown, and proven step by step", async () => {
    const shown = await output("run", "--dry-run", ...none, BASE, "true");
    expect(shown).toContain("MOUNT_ATTR_IDMAP");
    const explained = await output("explain", "run", ...none, BASE, "true");
    expect(explained).toMatch(
      /setns\(<userns>, CLONE_NEWUSER\)[\s\S]*ns\/user -> user:\[\d+\] \(the host's is/,
    );
  });

  test("what gives the host away is refused, in docker's words", async () => {
    expect(await tsrun("run", ...none, "--privileged", BASE, "true")).toMatchObject({
      code: 125,
      stderr: expect.stringContaining("privileged mode is incompatible with user namespaces"),
    });
    expect(await tsrun("run", "--rm", "--network", "host", BASE, "true")).toMatchObject({
      code: 125,
      stderr: expect.stringContaining(
        "cannot share the host's network namespace when user namespaces are enabled",
      ),
    });
    await output("run", ...none, "--userns=host", "--privileged", BASE, "true");
  });
});

test("a remap user without ids, or that nobody knows, is named", async () => {
  host.configure({ "userns-remap": "daemon" });
  expect((await tsrun("run", ...none, BASE, "true")).stderr).toContain("daemon has no ids in /etc/subuid");
  host.configure({ "userns-remap": "nobody-of-that-name" });
  expect((await tsrun("run", ...none, BASE, "true")).stderr).toContain(
    "/etc/passwd knows no nobody-of-that-name",
  );
  host.configure({});
});

test("a filesystem whose owners cannot be mapped is named", async () => {
  const directory = join(host.directory, "fat");
  mkdirSync(directory);
  // An overlay's own mounts cannot be idmapped: no kernel has that.
  const layers = ["lower", "upper", "work"].map((name) => join(host.directory, name));
  for (const layer of layers) mkdirSync(layer);
  const [lower, upper, work] = layers;
  const mount = `mount -t overlay overlay -o lowerdir=${lower},upperdir=${upper},workdir=${work} ${directory}`;
  const run = `$0 run ${none.join(" ")} --userns=auto ${BASE} true`;
  const script = `${mount} && TSRUN_ROOT=${directory} ${run}; code=$?; exit $code`;
  const { code, stderr } = await host.shell(`unshare -m sh -c '${script}' tsrun`);
  expect({ code, stderr }).toMatchObject({
    code: 125,
    stderr: expect.stringContaining("is on overlay"),
  });
});

describe("somebody who has broken out of a container", () => {
  /** Bound into the container, these are what a way out would lead to. */
  const loot = join(host.directory, "loot");

  beforeAll(() => {
    mkdirSync(loot, { mode: 0o755 });
    writeFileSync(join(loot, "secret"), "the host root's\n", { mode: 0o600 });
    writeFileSync(join(loot, "program"), "", { mode: 0o755 });
    mkdirSync(join(loot, "open"));
    chmodSync(join(loot, "open"), 0o777);
  });

  const attack = [
    "cat /loot/secret",
    "echo x > /loot/new",
    "echo x >> /loot/program",
    "chmod 4755 /loot/program",
    "chown 0 /loot/program",
    "rm /loot/program",
    "mknod /loot/open/disk b 8 0",
  ];
  const all = `${attack.map((line) => `(${line}) 2>/dev/null && echo "done: ${line}"`).join("; ")}; exit 0`;
  const run = (...flags: string[]) =>
    output("run", ...none, ...flags, "--cap-add", "ALL", "-v", `${loot}:/loot`, BASE, "sh", "-c", all);

  test("is root of nothing there", async () => {
    expect(await run("--userns=auto")).toBe("");
    const script = "cp /bin/busybox /loot/open/sh; chmod 4755 /loot/open/sh; stat -c %u /loot/open/sh";
    const mounted = ["-v", `${loot}:/loot`];
    expect(await output("run", ...none, "--userns=auto", ...mounted, BASE, "sh", "-c", script)).toBe("0");
    expect(statSync(join(loot, "open", "sh")).uid).toBeGreaterThanOrEqual(AUTO);
  });

  test("would be, without it: the attacks can succeed", async () => {
    const said = await run();
    expect(said).toContain("the host root's");
    expect(said.split("\n").filter((line) => line.startsWith("done: ")).length).toBeGreaterThanOrEqual(5);
  });
});
