/** The life of a container by the OCI runtime interface: bin/tsrun-oci, called with runc's words. */
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REPOSITORY } from "../support/cli.ts";
import { createOci, type Oci, TSRUN_OCI } from "../support/oci.ts";

let it: Oci;
beforeAll(() => {
  it = createOci();
});
afterAll(() => it.close());

describe("create, start, kill, delete", () => {
  test("leads through every status, and each command refuses what the status does not allow", async () => {
    const bundle = it.bundle("life");
    const pidFile = join(it.directory, "pid");
    expect(it.oci("create", "--bundle", bundle, "--pid-file", pidFile, "life")).toMatchObject({
      code: 0,
      stdout: "",
    });
    const { status, pid } = it.state("life");
    expect({ status, pid: String(pid) }).toEqual({ status: "created", pid: readFileSync(pidFile, "utf8") });
    expect(readFileSync(`/proc/${pid}/comm`, "utf8")).toBe("tsrun-executor\n");

    expect(it.oci("create", "-b", bundle, "life")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("container with given ID already exists"),
    });
    expect(it.oci("start", "life").code).toBe(0);
    expect(it.state("life").status).toBe("running");
    await expect.poll(() => readFileSync(`/proc/${pid}/comm`, "utf8")).toBe("sleep\n");
    expect(it.oci("start", "life").stderr).toContain("cannot start an already running container");
    expect(it.oci("delete", "life").stderr).toContain(
      "cannot delete container life that is not stopped: running",
    );
    expect(it.oci("list", "-q").stdout).toBe("life\n");

    expect(it.oci("kill", "life", "KILL").code).toBe(0);
    await expect.poll(() => it.state("life").status).toBe("stopped");
    expect(it.oci("start", "life").stderr).toContain("cannot start a container that has stopped");
    expect(it.oci("kill", "life").stderr).toContain("container not running");
    expect(it.oci("delete", "life").code).toBe(0);
    expect(it.oci("state", "life")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("container does not exist"),
    });
    expect(readdirSync(it.root)).toEqual([]);
  });

  test("the configuration counts as it was at creation", () => {
    const bundle = it.bundle("frozen", (config) => {
      config.process.args = ["sh", "-c", "echo first; exec sleep 60"];
    });
    expect(it.oci("create", "-b", bundle, "frozen").code).toBe(0);
    writeFileSync(join(bundle, "config.json"), "{}");
    expect(it.oci("start", "frozen").code).toBe(0);
    expect(it.oci("delete", "--force", "frozen").code).toBe(0);
    expect(it.oci("delete", "--force", "frozen").code).toBe(0);
    expect(it.oci("delete", "frozen").code).toBe(1);
  });
});

describe("run", () => {
  test("in the foreground has the process's output and exit code, and leaves nothing", () => {
    const bundle = it.bundle("fore", (config) => {
      config.process.args = ["sh", "-c", "echo out; echo err >&2; exit 7"];
    });
    expect(it.oci("run", "-b", bundle, "fore")).toEqual({ code: 7, stdout: "out\n", stderr: "err\n" });
    expect(readdirSync(it.root)).toEqual([]);
  });

  test("of a program that is not there says so in runc's words, and leaves nothing", () => {
    const bundle = it.bundle("none", (config) => {
      config.process.args = ["nothing-here"];
    });
    expect(it.oci("run", "-b", bundle, "none")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('exec: \\"nothing-here\\": executable file not found in $PATH'),
    });
    expect(readdirSync(it.root)).toEqual([]);
  });
});

test("exec joins the container and has an exit code of its own; the log file has JSON lines", () => {
  const bundle = it.bundle("joined");
  expect(it.oci("run", "-d", "-b", bundle, "joined").code).toBe(0);
  expect(it.oci("exec", "--cwd", "/tmp", "-e", "A=b", "joined", "sh", "-c", "pwd; echo $A; exit 5")).toEqual({
    code: 5,
    stdout: "/tmp\nb\n",
    stderr: "",
  });
  const log = join(it.directory, "log");
  expect(it.oci("--log", log, "--log-format", "json", "exec", "joined", "nothing-here")).toMatchObject({
    code: 255,
  });
  expect(JSON.parse(readFileSync(log, "utf8"))).toMatchObject({
    level: "error",
    msg: 'exec failed: exec: "nothing-here": executable file not found in $PATH',
  });
  expect(it.oci("delete", "-f", "joined").code).toBe(0);
});

test("exec runs where execCPUAffinity says, and tells so who looks for a fault", () => {
  const bundle = it.bundle("affinity", (config) => {
    config.process.execCPUAffinity = { initial: "0", final: "0" };
  });
  expect(it.oci("run", "-d", "-b", bundle, "affinity").code).toBe(0);
  const { stdout, stderr } = it.oci("--debug", "exec", "affinity", "cat", "/proc/self/status");
  expect(stdout).toMatch(/^Cpus_allowed_list:\t0$/m);
  expect(stderr).toContain("affinity: 0x1");
  expect(it.oci("delete", "-f", "affinity").code).toBe(0);
});

describe("a container in the host's pid namespace", () => {
  test("takes along what has outlived its first process when it is deleted", async () => {
    const bundle = it.bundle("shared", (config) => {
      config.linux.namespaces = config.linux.namespaces.filter(
        ({ type }: { type: string }) => type !== "pid",
      );
    });
    expect(it.oci("run", "-d", "-b", bundle, "shared").code).toBe(0);
    const pidFile = join(it.directory, "left");
    expect(it.oci("exec", "-d", "--pid-file", pidFile, "shared", "sleep", "60").code).toBe(0);
    process.kill(it.state("shared").pid, "SIGKILL");
    await expect.poll(() => it.state("shared").status).toBe("stopped");
    const left = `/proc/${readFileSync(pidFile, "utf8")}/stat`;
    expect(readFileSync(left, "utf8")).toContain("(sleep) S");
    expect(it.oci("delete", "shared")).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(existsSync(left) ? readFileSync(left, "utf8") : "(sleep) Z").toContain("(sleep) Z");
  });

  test("has the host's /proc by a bind mount, and nothing that is no /proc", () => {
    const bundle = (name: string, source: string): string =>
      it.bundle(name, (config) => {
        config.linux.namespaces = config.linux.namespaces.filter(
          ({ type }: { type: string }) => type !== "pid",
        );
        config.process.args = ["cat", "/proc/uptime"];
        config.mounts[0] = { destination: "/proc", source, options: ["rbind"] };
      });
    expect(it.oci("run", "-b", bundle("bound", "/proc"), "bound").code).toBe(0);
    expect(it.oci("run", "-b", bundle("wrong", "/sys"), "wrong").stderr).toContain("it is not of type proc");
  });
});

test("a cgroup in use is refused, and left alone", () => {
  const same = (name: string) =>
    it.bundle(name, (config) => {
      config.linux.cgroupsPath = `/tsrun-oci-same-${process.pid}`;
      // Without one, a container that is deleted takes its whole cgroup along.
      config.linux.namespaces = config.linux.namespaces.filter(
        ({ type }: { type: string }) => type !== "pid",
      );
    });
  expect(it.oci("run", "-d", "-b", same("first"), "first").code).toBe(0);
  expect(it.oci("run", "-d", "-b", same("second"), "second").stderr).toContain("cgroup is not empty");
  expect(it.state("first").status).toBe("running");
  expect(it.oci("pause", "first").code).toBe(0);
  expect(it.oci("delete", "-f", "second").code).toBe(0);
  expect(it.state("first").status).toBe("paused");
  expect(it.oci("delete", "-f", "first").code).toBe(0);
});

describe("hooks", () => {
  const script = (text: string) => ({ path: "/bin/sh", args: ["sh", "-c", text] });

  test("run in their places and order, with the state on stdin", () => {
    const record = join(it.directory, "hooks.log");
    const note = (name: string) => script(`{ printf '${name} '; cat; echo; } >>${record}`);
    const bundle = it.bundle("hooks", (config) => {
      config.process.args = ["true"];
      config.hooks = {
        prestart: [note("prestart")],
        createRuntime: [note("createRuntime")],
        createContainer: [note("createContainer")],
        startContainer: [script("cat >/started; test -f /bin/busybox")],
        poststart: [note("poststart")],
        poststop: [note("poststop")],
      };
    });
    expect(it.oci("run", "-b", bundle, "hooks")).toMatchObject({ code: 0, stderr: "" });
    const lines = readFileSync(record, "utf8").trim().split("\n");
    const told = lines.map((line) => {
      const [name = "", ...state] = line.split(" ");
      const { id, status, pid } = JSON.parse(state.join(" "));
      return `${name} ${id} ${status} ${pid > 1 ? "outside" : pid}`;
    });
    // Where a hook is in the container's namespaces, so is the number that it is told.
    expect(told).toEqual([
      "prestart hooks creating outside",
      "createRuntime hooks creating outside",
      "createContainer hooks creating 1",
      "poststart hooks running outside",
      "poststop hooks stopped 0",
    ]);
    expect(JSON.parse(readFileSync(join(bundle, "rootfs/started"), "utf8"))).toMatchObject({
      status: "created",
      pid: 1,
    });
  });

  test("start in the bundle, and in the root directory once there are mounts to make", () => {
    const bundle = it.bundle("where", (config) => {
      config.process.args = ["cat", "/tmp/hooks", "/tmp/mounted"];
      config.hooks = {
        createRuntime: [script("echo $PWD >>rootfs/tmp/hooks")],
        createContainer: [
          script("echo $PWD >>tmp/hooks; cat >tmp/mounted; mount --bind tmp/hooks tmp/mounted"),
        ],
      };
    });
    const said = `${bundle}\n${bundle}/rootfs\n`;
    expect(it.oci("run", "-b", bundle, "where")).toEqual({ code: 0, stdout: said + said, stderr: "" });
  });

  test.each(["prestart", "createRuntime", "createContainer", "startContainer", "poststart"])(
    "a %s hook that fails takes the container with it",
    (name) => {
      const bundle = it.bundle(`fails-${name}`, (config) => {
        config.hooks = { [name]: [script("echo no; exit 3")] };
      });
      expect(it.oci("run", "-d", "-b", bundle, "fails")).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`error running ${name} hook #0: exit status 3, stdout: no`),
      });
      expect(readdirSync(it.root)).toEqual([]);
    },
  );

  test("a hook that takes too long is killed", () => {
    const bundle = it.bundle("slow", (config) => {
      config.hooks = { createRuntime: [{ ...script("sleep 30"), timeout: 1 }] };
    });
    expect(it.oci("create", "-b", bundle, "slow").stderr).toContain(
      "hook ran past specified timeout of 1.0s",
    );
    expect(existsSync(join(it.root, "slow"))).toBe(false);
  });
});

describe("a created container", () => {
  test("needs no process, which only its start does", () => {
    const bundle = it.bundle("nothing", (config) => {
      delete config.process;
    });
    expect(it.oci("run", "-b", bundle, "nothing").stderr).toContain("without a process");
    expect(it.oci("create", "-b", bundle, "nothing")).toMatchObject({ code: 0, stderr: "" });
    expect(it.oci("start", "nothing")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("cannot start a container without a process"),
    });
    expect(it.state("nothing").status).toBe("created");
    expect(it.oci("delete", "nothing").code).toBe(0);
  });

  test("holds no descriptor of the host", () => {
    expect(it.oci("create", "-b", it.bundle("bare"), "bare").code).toBe(0);
    const { pid } = it.state("bare");
    const held = readdirSync(`/proc/${pid}/fd`).filter((fd) => Number(fd) > 2);
    expect(held.map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))).toEqual([
      expect.stringMatching(/\/exec\.fifo$/),
    ]);
    expect(it.oci("delete", "-f", "bare").code).toBe(0);
  });

  test("heeds a signal, and can be deleted then", async () => {
    expect(it.oci("create", "-b", it.bundle("heeds"), "heeds").code).toBe(0);
    expect(it.oci("kill", "heeds", "TERM").code).toBe(0);
    await expect.poll(() => it.state("heeds").status).toBe("stopped");
    expect(it.oci("delete", "heeds").code).toBe(0);
  });

  test("whose program the kernel does not execute says so itself, on its stderr", async () => {
    const bundle = it.bundle("script", (config) => {
      config.process.args = ["/run.sh"];
    });
    writeFileSync(join(bundle, "rootfs/run.sh"), "#!/none/such\n", { mode: 0o755 });
    expect(it.oci("run", "-b", bundle, "script")).toMatchObject({
      code: 1,
      stderr: "exec /run.sh: no such file or directory\n",
    });
    const stderr = join(it.directory, "created.err");
    writeFileSync(stderr, "");
    const fd = openSync(stderr, "w");
    spawnSync(TSRUN_OCI, ["--root", it.root, "create", "-b", bundle, "script"], {
      stdio: ["ignore", "ignore", fd],
    });
    closeSync(fd);
    expect(it.oci("start", "script").code).toBe(0);
    await expect.poll(() => readFileSync(stderr, "utf8")).toBe("exec /run.sh: no such file or directory\n");
    await expect.poll(() => it.state("script").status).toBe("stopped");
    expect(it.oci("delete", "script").code).toBe(0);
  });
});

test("spec writes a configuration that runs, once it has a program and no terminal", () => {
  const bundle = it.bundle("example");
  rmSync(join(bundle, "config.json"));
  expect(it.oci("spec", "--bundle", bundle)).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(it.oci("spec", "--bundle", bundle).stderr).toContain("File config.json exists. Remove it first");
  const path = join(bundle, "config.json");
  const config = JSON.parse(readFileSync(path, "utf8"));
  config.process = { ...config.process, terminal: false, args: ["sh", "-c", "echo $HOME; id -u"] };
  writeFileSync(path, JSON.stringify(config));
  expect(it.oci("run", "-b", bundle, "example")).toEqual({ code: 0, stdout: "/\n0\n", stderr: "" });
});

test("tsrun oci is the same, and what is not there is refused by its name", () => {
  const words = ["oci", "--root", it.root, "list", "-f", "json"];
  expect(spawnSync(join(REPOSITORY, "bin", "tsrun"), words, { encoding: "utf8" })).toMatchObject({
    status: 0,
    stdout: "null\n",
  });
  expect(it.oci("checkpoint", "--leave-running", "x")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("checkpoint is not supported"),
  });
});
