import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { useHost } from "./support/host.ts";

const host = useHost();
const { output, tsrun, tsrunWith, directory } = host;
const ENV_FILE = join(directory, "bad.env");
const PROFILE = join(directory, "profile.json");

/** What a failed command must not have left: a container, a name, anything it had begun to make. */
function traces(): Record<string, string[]> {
  const list = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);
  return {
    containers: list(join(host.root, "containers")),
    names: list(join(host.root, "names")),
    unfinished: list(join(host.root, "tmp")),
    runtime: list(join(host.run, "containers")),
  };
}

beforeAll(() => {
  writeFileSync(ENV_FILE, "A B=1\n");
  writeFileSync(PROFILE, "{ not json");
  mkdirSync(join(directory, "a-directory"));
});

type Case = [code: number, reason: RegExp, ...args: string[]];

async function expectRefusal(code: number, reason: RegExp, args: string[]): Promise<void> {
  const before = traces();
  const result = await tsrun(...args);
  expect(result.stdout).toBe("");
  expect(result.stderr).toMatch(reason);
  expect(result.stderr).toMatch(/^tsrun: /);
  expect(result.stderr).not.toMatch(/^\s+at |internal error|undefined|\[object/m);
  expect(result.code).toBe(code);
  expect(traces()).toEqual(before);
}

describe("a command that is not there", () => {
  test.each<Case>([
    [1, /unknown command: tsrun runn\nhint: did you mean `tsrun run`\?/, "runn"],
    [1, /unknown command: tsrun container lst/, "container", "lst"],
    [125, /unknown flag: --nonsense/, "--nonsense", "ps"],
    [1, /unknown command: tsrun ""|unknown command/, ""],
  ])("%i %s", (code, reason, ...args) => expectRefusal(code, reason, args));

  test("without a command there is help, and it is no error", async () => {
    expect(await tsrun()).toMatchObject({ code: 0, stdout: expect.stringContaining("Usage:") });
    expect(await tsrun("run", "--help")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("Usage:"),
    });
  });
});

describe("wrong arguments", () => {
  test.each<Case>([
    [1, /'tsrun run' requires at least 1 argument/, "run"],
    [1, /'tsrun exec' requires at least 2 arguments/, "exec", "x"],
    [1, /'tsrun rm' requires at least 1 argument/, "rm"],
    [1, /'tsrun logs' requires 1 argument/, "logs"],
    [1, /'tsrun logs' requires 1 argument/, "logs", "a", "b"],
    [1, /'tsrun ps' accepts no arguments/, "ps", "x"],
    [1, /'tsrun pull' requires 1 argument/, "pull"],
    [
      125,
      /unknown flag: --memmory\n(.*\n)?hint: did you mean --memory\?|unknown flag: --memmory/,
      "run",
      "--memmory",
      "1g",
      "busybox",
    ],
    [125, /unknown shorthand flag: 'Z' in -Z/, "run", "-Z", "busybox"],
    [125, /flag needs an argument: --name/, "run", "--name"],
    [125, /flag needs an argument: 'e' in -e/, "run", "-e"],
    [125, /invalid argument "maybe" for "-t, --tty" flag/, "run", "--tty=maybe", "busybox"],
    [125, /invalid argument "x" for "-n, --tail" flag/, "logs", "--tail", "x", "c"],
    [125, /invalid argument "soon" for "-t, --timeout" flag/, "stop", "-t", "soon", "c"],
    [125, /bad format of filter/, "ps", "--filter", "nonsense"],
  ])("%i %s", (code, reason, ...args) => expectRefusal(code, reason, args));
});

describe("run with a value that makes no sense", () => {
  test.each<Case>([
    [125, /invalid reference format/, "UPPER"],
    [125, /invalid reference format/, "a:b:c"],
    [125, /Invalid container name \(-x\)/, "--name", "-x", "busybox"],
    [125, /Invalid container name \(a\/b\)/, "--name", "a/b", "busybox"],
    [125, /hostname.*under_score|under_score.*hostname/i, "--hostname", "under_score!", "busybox"],
    [125, /invalid size: 'many'/, "-m", "many", "busybox"],
    [125, /invalid suffix: 'x'/, "--shm-size", "1x", "busybox"],
    [125, /"two"/, "--cpus", "two", "busybox"],
    [125, /invalid ulimit argument: nofile/, "--ulimit", "nofile", "busybox"],
    [125, /nosuch/, "--ulimit", "nosuch=1", "busybox"],
    [125, /soft limit must be less than or equal to hard limit/, "--ulimit", "nofile=9:8", "busybox"],
    [125, /capability.*NOSUCH|NOSUCH.*capability/i, "--cap-add", "NOSUCH", "busybox"],
    [125, /capability.*what|what.*capability/i, "--cap-drop", "what", "busybox"],
    [125, /invalid --security-opt: "nonsense"/, "--security-opt", "nonsense", "busybox"],
    [125, /no-such-profile\.json/, "--security-opt", "seccomp=no-such-profile.json", "busybox"],
    [125, /profile\.json/, "--security-opt", `seccomp=${PROFILE}`, "busybox"],
    [125, /AppArmor profiles/, "--security-opt", "apparmor=mine", "busybox"],
    [125, /"\/dev\/nosuch".*no such file/, "--device", "/dev/nosuch", "busybox"],
    [125, /not a device node/, "--device", "/etc/passwd", "busybox"],
    [125, /bad mode specified: xyz/, "--device", "/dev/null:/dev/n:xyz", "busybox"],
    [125, /sysctl 'kernel.hostname' is not allowed/, "--sysctl", "kernel.hostname=x", "busybox"],
    [125, /bad format for add-host: "nowhere"/, "--add-host", "nowhere", "busybox"],
    [125, /invalid IP address in add-host: "999.1.1.1"/, "--add-host", "x:999.1.1.1", "busybox"],
    [125, /IP address is not correctly formatted: here/, "--dns", "here", "busybox"],
    [125, /open \/no\/env: no such file or directory/, "--env-file", "/no/env", "busybox"],
    [125, /variable 'A B' contains whitespaces/, "--env-file", ENV_FILE, "busybox"],
    [125, /invalid environment variable: =x|=x/, "-e", "=x", "busybox"],
    [125, /the working directory 'relative' is invalid/i, "-w", "relative", "busybox"],
    [125, /Invalid signal: SIGNOPE|SIGNOPE/, "--stop-signal", "SIGNOPE", "busybox"],
    [125, /range for oom score adj/, "--oom-score-adj", "5000", "busybox"],
    [125, /invalid pull option: 'sometimes'/, "--pull", "sometimes", "busybox"],
    [125, /"sparc\/ultra\/x\/y"|sparc/, "--platform", "sparc/ultra/x/y", "busybox"],
    [125, /Unknown character: 'ctrl-shift'|ctrl-shift/, "--detach-keys", "ctrl-shift", "busybox"],
    [125, /unknown log opt 'color'/, "--log-opt", "color=red", "busybox"],
    [125, /no log driver named 'syslog'/, "--log-driver", "syslog", "busybox"],
    [125, /cannot specify both --attach and --detach/, "-d", "-a", "stdout", "busybox"],
  ])("%i %s", (code, reason, ...args) =>
    expectRefusal(code, reason, ["run", "--rm", ...args, ...(args.length === 1 ? [] : ["true"])]),
  );
});

describe("mounts that cannot be made", () => {
  test.each<Case>([
    [125, /invalid spec: :\/x/, "-v", ":/x"],
    [125, /invalid spec.*too many colons/, "-v", "/a:/b:ro:z"],
    [125, /invalid mode: rx/, "-v", "/tmp:/b:rx"],
    [125, /volume name is too short/, "-v", "d:/b"],
    [125, /includes invalid characters for a local volume name/, "-v", "da ta:/b"],
    [125, /No such container: nobody/, "--volumes-from", "nobody"],
    [125, /invalid volumes-from specification/, "--volumes-from", "nobody:rx"],
    [125, /plugin "nobody" not found/, "--volume-driver", "nobody", "-v", "/b"],
    [125, /'relative' mount path must be absolute/, "-v", "/tmp:relative"],
    [125, /destination can't be '\/'/, "-v", "/tmp:/"],
    [125, /Duplicate mount point: \/b/, "-v", "/tmp:/b", "--tmpfs", "/b"],
    [125, /inside \/proc/, "-v", "/tmp:/proc/sys"],
    [125, /bind source path does not exist: \/no\/such/, "--mount", "type=bind,src=/no/such,dst=/b"],
    [125, /target is required/, "--mount", "type=bind,src=/tmp"],
    [125, /unexpected key 'colour'/, "--mount", "type=bind,colour=red,dst=/b"],
    [125, /mount type unknown: "floppy"/, "--mount", "type=floppy,dst=/b"],
    [125, /mounts of type cluster are not supported/, "--mount", "type=cluster,src=x,dst=/b"],
    [125, /No such image: nothing/, "--mount", "type=image,src=nothing,dst=/b"],
    [125, /invalid tmpfs option|"nonsense"|'nonsense'|nonsense/, "--tmpfs", "/b:nonsense"],
  ])("%i %s", (code, reason, ...args) =>
    expectRefusal(code, reason, ["run", "--rm", ...args, "busybox", "true"]),
  );

  test("onto what is a file in the image, or from one onto a directory", async () => {
    for (const volume of [`${directory}/a-directory:/etc/passwd`, `${ENV_FILE}:/etc`]) {
      const before = traces();
      const { code, stderr } = await tsrun("run", "--rm", "-v", volume, "busybox", "true");
      expect(stderr).toMatch(
        /hint: (a file cannot be mounted on a directory|\/etc\/passwd is needed as a directory)/,
      );
      expect(code).toBeGreaterThanOrEqual(125);
      expect(traces()).toEqual(before);
    }
  });
});

describe("what is not supported yet says so", () => {
  test.each<Case>([
    [125, /--gpus is not supported/, "--gpus", "all"],
    [125, /--runtime is not supported/, "--runtime", "runc"],
    [125, /--kernel-memory is not supported/, "--kernel-memory", "1g"],
  ])("%i %s", (code, reason, ...args) =>
    expectRefusal(code, reason, ["run", "--rm", ...args, "busybox", "true"]),
  );
});

describe("users and directories that the image does not have", () => {
  test.each<Case>([
    [125, /unable to find user ghost: no matching entries in passwd file/, "-u", "ghost", "busybox", "true"],
    [125, /unable to find group ghosts/, "-u", "root:ghosts", "busybox", "true"],
    [125, /unable to find group ghosts/, "--group-add", "ghosts", "busybox", "true"],
    [125, /uids and gids must be in range/, "-u", "99999999999", "busybox", "true"],
    [125, /making the directory \/etc\/passwd: ENOTDIR/, "-w", "/etc/passwd", "busybox", "true"],
  ])("%i %s", (code, reason, ...args) => expectRefusal(code, reason, ["run", "--rm", ...args]));
});

describe("commands about containers that are not there", () => {
  test.each<Case>([
    [1, /No such container: ghost/, "rm", "ghost"],
    [1, /No such container: ghost/, "stop", "ghost"],
    [1, /No such container: ghost/, "kill", "ghost"],
    [1, /No such container: ghost/, "logs", "ghost"],
    [1, /No such container: ghost/, "exec", "ghost", "true"],
    [1, /No such container: ghost/, "rm", "ghost", "ghost"],
    [1, /No such image: ghost/, "rmi", "ghost"],
  ])("%i %s", (code, reason, ...args) => expectRefusal(code, reason, args));

  test.each([[["inspect"]], [["container", "inspect"]], [["image", "inspect"]]])("%j", async (command) => {
    const { code, stderr } = await tsrun(...command, "ghost");
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^tsrun: .*ghost/) });
  });

  test("signals and templates that do not exist", async () => {
    await output("run", "-d", "--name", "there", "busybox", "sleep", "1000");
    await expectRefusal(1, /SIGNOPE/, ["kill", "-s", "SIGNOPE", "there"]);
    await expectRefusal(1, /SIGNOPE/, ["stop", "-s", "SIGNOPE", "there"]);
    await expectRefusal(1, /template/, ["inspect", "-f", "{{.Name", "there"]);
    await expectRefusal(1, /Nope/, ["inspect", "-f", "{{.Nope}}", "there"]);
    await expectRefusal(1, /nofunc/, ["ps", "--format", "{{nofunc .ID}}"]);
    expect(await output("inspect", "-f", "{{.State.Status}}", "there")).toBe("running");
    await output("rm", "-f", "there");
  });
});

describe("a configuration that is wrong", () => {
  const broken = async (text: string, reason: RegExp): Promise<void> => {
    const path = join(directory, "broken.json");
    writeFileSync(path, text);
    const { code, stderr } = await tsrunWith(
      { env: { TSRUN_CONFIG: path } },
      "run",
      "--rm",
      "busybox",
      "true",
    );
    expect(stderr).toMatch(reason);
    expect(stderr).toContain(path);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).toBe(125);
  };

  test("not JSON", () => broken("{", /is not JSON/));
  test("an unknown key", () => broken('{"registry-mirror": []}', /registry-mirror\nhint: known: /));
  test("a value of the wrong type", () => broken('{"dns": "1.1.1.1"}', /"dns"/));
  test("a file that is not there", async () => {
    const { code, stderr } = await tsrunWith({ env: { TSRUN_CONFIG: "/no/config.json" } }, "ps");
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("/no/config.json") });
  });
});

describe("data that cannot be used", () => {
  test("a root that cannot be made", async () => {
    const { code, stderr } = await tsrunWith(
      { env: { TSRUN_ROOT: `${ENV_FILE}/root` } },
      "run",
      "--rm",
      "tsrun/base",
      "true",
    );
    expect(code).toBe(125);
    expect(stderr).toContain(`${ENV_FILE}/root`);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test("a registry that nobody serves", async () => {
    const { code, stderr } = await tsrun("pull", "127.0.0.1:9/nothing");
    expect(code).toBe(1);
    expect(stderr).toMatch(/127\.0\.0\.1:9/);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

test("--debug shows where an error comes from, by its code", async () => {
  const { stderr } = await tsrun("--debug", "run", "--name", "-x", "busybox");
  expect(stderr).toContain("ERR_TSRUN_NAME_INVALID");
  expect(stderr).toMatch(/^\s+at /m);
});
