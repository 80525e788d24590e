/** Health checks: from the image and from flags, as docker's users see them. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { useHost } from "./support/host.ts";
import { busyboxImage } from "./support/images.ts";

const host = useHost();
const { output, tsrun } = host;

interface Health {
  Status: string;
  FailingStreak: number;
  Log: { Start: string; End: string; ExitCode: number; Output: string }[];
}

const FAST = ["--health-interval", "100ms"];

/** A container without a network that only waits, unless the command says otherwise. */
const start = (name: string, flags: string[], ...command: string[]): Promise<string> =>
  output(
    ...["run", "-d", "--network", "none", "--name", name, ...flags],
    ...(command.length > 0 ? command : ["busybox", "sleep", "1000"]),
  );
const healthOf = async (name: string): Promise<Health | null> =>
  JSON.parse(await output("inspect", "-f", "{{json .State.Health}}", name));
const statusOf = (name: string): Promise<string> =>
  output("ps", "-a", "--filter", `name=^${name}$`, "--format", "{{.Status}}");

/** The health once it is as wanted. */
async function until(name: string, wanted: (health: Health) => boolean): Promise<Health> {
  for (let patience = 100; ; patience--) {
    const health = await healthOf(name);
    if (health !== null && wanted(health)) return health;
    if (patience === 0) throw new Error(`the health of ${name} stays ${JSON.stringify(health)}`);
    await sleep(50);
  }
}
const hasStatus =
  (status: string) =>
  (health: Health): boolean =>
    health.Status === status;
const hasLog = ({ Log }: Health): boolean => Log.length > 0;

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
});

describe("a container", () => {
  test("is starting until it is probed for the first time, after an interval", async () => {
    await start("young", ["--health-cmd", "true"]);
    expect(await statusOf("young")).toMatch(/^Up .* \(health: starting\)$/);
    expect(await output("ps", "--format", "{{.Names}}", "--filter", "health=starting")).toBe("young");
    expect(await healthOf("young")).toEqual({ Status: "starting", FailingStreak: 0, Log: [] });
  });

  test("is healthy, unhealthy, healthy again", async () => {
    await start("web", [
      ...["--health-cmd", "echo probing; test -e /ready", "--health-interval", "150ms"],
      ...["--health-retries", "2"],
    ]);
    await output("exec", "web", "touch", "/ready");
    const healthy = await until("web", hasStatus("healthy"));
    expect(healthy.FailingStreak).toBe(0);
    const last = healthy.Log.at(-1);
    expect(last).toMatchObject({ ExitCode: 0, Output: "probing\n" });
    expect(last?.Start).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    expect((last?.Start ?? "") < (last?.End ?? "")).toBe(true);
    expect(await statusOf("web")).toMatch(/^Up .* \(healthy\)$/);
    expect(await output("ps", "--format", "{{.Names}}", "--filter", "health=healthy")).toBe("web");

    await output("exec", "web", "rm", "/ready");
    const unhealthy = await until("web", hasStatus("unhealthy"));
    expect(unhealthy.FailingStreak).toBeGreaterThanOrEqual(2);
    expect(unhealthy.Log.at(-1)?.ExitCode).toBe(1);
    expect(await statusOf("web")).toMatch(/^Up .* \(unhealthy\)$/);

    await output("exec", "web", "touch", "/ready");
    await until("web", (health) => health.Status === "healthy" && health.Log.length === 5);
  });

  test("without a health check has no health", async () => {
    await start("plain", []);
    expect(await output("inspect", "-f", "{{json .State}}", "plain")).not.toContain("Health");
    expect(await output("ps", "--format", "{{.Names}}: {{.Status}}", "--filter", "health=none")).toMatch(
      /^plain: Up [^()]*$/,
    );
    expect(await tsrun("ps", "--filter", "health=fine")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("health"),
    });
  });

  test("that has ended is unhealthy, and its log tells what was found last", async () => {
    await start("ended", [...FAST, "--health-cmd", "echo fine"]);
    await until("ended", hasStatus("healthy"));
    await output("kill", "ended");
    const { Status, Log } = await until("ended", hasStatus("unhealthy"));
    expect([Status, Log.at(-1)?.Output, Log.at(-1)?.ExitCode]).toEqual(["unhealthy", "fine\n", 0]);
    expect(await statusOf("ended")).toMatch(/^Exited \(137\)/);
  });
});

describe("a probe", () => {
  test("that takes too long is killed, and what it wrote is kept", async () => {
    await start("slow", [
      ...[...FAST, "--health-cmd", "echo waiting; exec sleep 1000"],
      ...["--health-timeout", "1s", "--health-retries", "1"],
    ]);
    const { Log } = await until("slow", hasStatus("unhealthy"));
    expect(Log[0]).toMatchObject({
      ExitCode: -1,
      Output: "Health check exceeded timeout (1s): waiting\n",
    });
    const took = Date.parse(Log[0]?.End ?? "") - Date.parse(Log[0]?.Start ?? "");
    expect(took).toBeGreaterThanOrEqual(1000);
    expect(took).toBeLessThan(10_000);
    // Those before it are gone when the next one starts.
    const sleepers = await output("exec", "slow", "ps", "-o", "args");
    expect(sleepers.split("\n").filter((line) => line === "sleep 1000").length).toBeLessThanOrEqual(2);
  });

  test("may write whatever it likes, of which the first 4096 bytes are kept", async () => {
    const script = "printf '\\001\\377\"'; yes x | head -c 100000 >&2";
    await start("loud", [...FAST, "--health-cmd", script]);
    const { Log } = await until("loud", hasStatus("healthy"));
    expect(Log[0]?.Output).toBe(`\u0001\ufffd"${"x\n".repeat(2046)}x...`);
  });

  test("may leave processes behind that hold its output open", async () => {
    await start("parent", [...FAST, "--health-cmd", "echo left; sleep 1000 & exit 0"]);
    const { Log } = await until("parent", hasStatus("healthy"));
    expect(Log[0]).toMatchObject({ ExitCode: 0, Output: "left\n" });
  });

  test("that cannot be executed says why", async () => {
    const reference = await pushed("broken", { Test: ["CMD", "no-such-probe"], Retries: 1 });
    await start("broken", FAST, reference, "sleep", "1000");
    const { Log } = await until("broken", hasStatus("unhealthy"));
    expect(Log[0]).toMatchObject({
      ExitCode: -1,
      Output: 'exec: "no-such-probe": No such file or directory',
    });
  });

  test("is a process of the container: its user, environment, directory and limits", async () => {
    await start("inside", [
      ...[...FAST, "-u", "app", "-e", "WORD=spoken", "-w", "/var", "--ulimit", "nofile=64", "--read-only"],
      ...[
        "--health-cmd",
        "id -un; echo $WORD $HOME; pwd; ulimit -n; grep CapEff /proc/self/status; cat /proc/1/comm",
      ],
    ]);
    const { Log } = await until("inside", hasLog);
    expect(Log[0]?.Output).toBe("app\nspoken /home\n/var\n64\nCapEff:\t0000000000000000\nsleep\n");
    expect(await output("exec", "inside", "cat", "/proc/1/cgroup")).toBe(
      await output("exec", "inside", "cat", "/proc/self/cgroup"),
    );
  });
});

test("failures in the start period do not count, and its probes have an interval of their own", async () => {
  await start("patient", [
    ...["--health-cmd", "exit 1", "--health-interval", "200ms", "--health-retries", "1"],
    ...["--health-start-period", "4s", "--health-start-interval", "50ms"],
  ]);
  const early = await until("patient", ({ Log }) => Log.length >= 2);
  expect(early).toMatchObject({ Status: "starting", FailingStreak: 0 });
  await until("patient", hasStatus("unhealthy"));
});

describe("an image's health check", () => {
  const config = async (name: string): Promise<object | null> =>
    JSON.parse(await output("inspect", "-f", "{{json .Config.Healthcheck}}", name));

  test("is what its containers get, but for what flags say", async () => {
    const check = { Test: ["CMD", "echo", "from the image"], Interval: 100e6, Retries: 7 };
    const reference = await pushed("checked", check);
    await start("own", [], reference, "sleep", "1000");
    expect((await until("own", hasStatus("healthy"))).Log[0]?.Output).toBe("from the image\n");
    expect(await config("own")).toEqual(check);
    await start(
      "changed",
      ["--health-cmd", "echo mine", "--health-retries", "2"],
      reference,
      "sleep",
      "1000",
    );
    expect((await until("changed", hasStatus("healthy"))).Log[0]?.Output).toBe("mine\n");
    expect(await config("changed")).toEqual({ ...check, Test: ["CMD-SHELL", "echo mine"], Retries: 2 });
  });

  test("is not for those that want none", async () => {
    const check = { Test: ["CMD", "true"], Interval: 50e6 };
    await start("quiet", ["--no-healthcheck"], await pushed("refused", check), "sleep", "1000");
    await start("silent", [], await pushed("none", { Test: ["NONE"] }), "sleep", "1000");
    await sleep(300);
    for (const name of ["quiet", "silent"]) {
      expect(await statusOf(name)).toMatch(/^Up [^()]*$/);
      expect(await output("inspect", "-f", "{{json .State}}", name)).not.toContain("Health");
      expect(await config(name)).toMatchObject({ Test: ["NONE"] });
    }
  });

  test("runs in the image's own shell", async () => {
    const shell = { Shell: ["/bin/busybox", "echo", "shell:"] };
    await start("shell", FAST, await pushed("shell", { Test: ["CMD-SHELL", "a b"] }, shell), "sleep", "1000");
    expect((await until("shell", hasStatus("healthy"))).Log[0]?.Output).toBe("shell: a b\n");
  });
});

test("a container that ends while it is probed is gone at once, --rm included", async () => {
  const probe = [...FAST, "--health-cmd", "sleep 1000"];
  const began = performance.now();
  expect(await tsrun("run", "--rm", "--network", "none", ...probe, "busybox", "sleep", "1")).toMatchObject({
    code: 0,
  });
  await start("brief", ["--rm", ...probe], "busybox", "sleep", "1");
  for (let patience = 100; host.containers().length > 0 && patience > 0; patience--) await sleep(100);
  expect(host.containers()).toEqual([]);
  expect(performance.now() - began).toBeLessThan(20_000);
});

test.each([
  [/--no-healthcheck conflicts with --health-\* options/, ["--no-healthcheck", "--health-cmd", "x"]],
  [/--health-interval cannot be negative/, ["--health-interval", "-1s"]],
  [/Timeout in Healthcheck cannot be less than 1ms/, ["--health-timeout", "10us"]],
  [/missing unit in duration "5"/, ["--health-interval", "5"]],
])("%s", async (reason, flags) => {
  const { code, stderr } = await tsrun("run", "--rm", ...flags, "busybox", "true");
  expect(code).toBe(125);
  expect(stderr).toMatch(reason);
});

/** Pushes busybox with this health check; its reference. */
async function pushed(name: string, Healthcheck: object, more: object = {}): Promise<string> {
  await host
    .registry()
    .pushImage(`library/health-${name}`, ["latest"], busyboxImage([], { Healthcheck, ...more }));
  return `health-${name}`;
}
