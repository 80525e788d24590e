/** Containers of an ordinary user: run, exec, files, images, volumes, and what the kernel withholds. */
import { readFileSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { namespaceOf, until, useUser } from "./support/user.ts";

const user = useUser({ uid: 51_236 });
const none = ["--rm", "--network", "none"];
const inside = (...command: string[]) => user.output("run", ...none, "tsrun/base", ...command);

test("root in the container is the user outside", async () => {
  const map = await inside("cat", "/proc/self/uid_map");
  expect(map.split("\n").map((line) => line.trim().split(/\s+/).map(Number))).toEqual([
    [0, user.uid, 1],
    [1, user.uid * 65_536, 65_536],
  ]);
  await user.output("run", "-d", "--name", "outside", "--network", "none", "tsrun/base", "sleep", "100");
  const pid = Number(await user.output("inspect", "-f", "{{.State.Pid}}", "outside"));
  expect(readFileSync(`/proc/${pid}/status`, "latin1")).toMatch(new RegExp(`^Uid:\t${user.uid}\t`, "m"));
  expect(namespaceOf(pid, "user")).not.toBe(namespaceOf("self", "user"));
});

test("another user of the container is one of the user's subordinate ids", async () => {
  await user.output(
    "run",
    "-d",
    "--name",
    "other",
    "-u",
    "1000:1000",
    "--network",
    "none",
    "tsrun/base",
    "sleep",
    "100",
  );
  const pid = Number(await user.output("inspect", "-f", "{{.State.Pid}}", "other"));
  expect(statSync(`/proc/${pid}`).uid).toBe(user.uid * 65_536 + 999);
  expect(await user.output("exec", "other", "id", "-u")).toBe("1000");
});

test("exec, logs, stop and rm", async () => {
  await user.output(
    "run",
    "-d",
    "--name",
    "life",
    "--network",
    "none",
    "tsrun/base",
    "sh",
    "-c",
    "echo began; exec sleep 100",
  );
  expect(await user.output("exec", "life", "cat", "/proc/1/comm")).toBe("sleep");
  expect(await user.output("logs", "life")).toBe("began");
  expect(await user.output("top", "life", "-o", "pid,args")).toContain("sleep 100");
  expect(Number((await user.output("stats", "--no-stream", "--format", "{{.PIDs}}", "life")).trim())).toBe(1);
  await user.output("stop", "-t", "0", "life");
  expect(await user.output("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "life")).toBe(
    "exited 137",
  );
  await user.output("rm", "life");
});

test("all commands share one set of namespaces, whose holder does not tell what began it", async () => {
  const holder = user.holder();
  await inside("true");
  expect(user.holder()).toBe(holder);
  expect(readFileSync(`/proc/${holder}/cmdline`, "latin1").replaceAll("\0", "")).toBe("");
  expect(readFileSync(`/proc/${holder}/comm`, "latin1").trim()).toBe("tsrun-holder");
});

test("/dev has the usual nodes, and they work", async () => {
  const script =
    "for f in null zero full random urandom tty; do test -c /dev/$f || echo no $f; done; head -c 3 /dev/zero | wc -c";
  expect(await inside("sh", "-c", `${script}; echo x > /dev/null && echo fine`)).toBe("3\nfine");
});

test("a terminal", async () => {
  const { stdout } = await user.shell(
    `script -qec '${join(process.cwd(), "bin/tsrun")} run --rm -it --network none tsrun/base sh -c "tty; stty size"' /dev/null`,
  );
  expect(stdout).toContain("/dev/pts/0");
});

test("files of the host are the user's; what others own is not to be read", async () => {
  await user.shell("mkdir -p ~/shared && echo mine > ~/shared/file");
  const bind = ["-v", `${user.home}/shared:/shared`];
  expect(await user.output("run", ...none, ...bind, "tsrun/base", "cat", "/shared/file")).toBe("mine");
  await user.output("run", ...none, ...bind, "tsrun/base", "touch", "/shared/new");
  expect(statSync(`${user.home}/shared/new`).uid).toBe(user.uid);
  const shadow = await user.tsrun(
    "run",
    ...none,
    "-v",
    "/etc/shadow:/shadow",
    "tsrun/base",
    "cat",
    "/shadow",
  );
  expect(shadow).toMatchObject({ code: 1, stderr: expect.stringContaining("Permission denied") });
});

test("volumes, commit, cp, diff and export", async () => {
  await user.output(
    "run",
    "--name",
    "writer",
    "--network",
    "none",
    "-v",
    "data:/data",
    "tsrun/base",
    "sh",
    "-c",
    "echo kept > /data/f; rm /bin/vi; mkdir /etc/x",
  );
  expect(await user.output("run", ...none, "-v", "data:/data", "tsrun/base", "cat", "/data/f")).toBe("kept");
  expect(await user.output("diff", "writer")).toContain("D /bin/vi");
  await user.output("commit", "writer", "changed");
  expect(
    await user.output("run", ...none, "changed", "sh", "-c", "test -e /bin/vi || test -d /etc/x && echo so"),
  ).toBe("so");
  const { stdout } = await user.shell(`${join(process.cwd(), "bin/tsrun")} cp writer:/etc/passwd - | tar xO`);
  expect(stdout).toContain("root:");
  expect((await user.shell(`${join(process.cwd(), "bin/tsrun")} export writer | tar t`)).stdout).toContain(
    "etc/passwd\n",
  );
  expect(await user.output("system", "check")).toContain("Everything is as it should be");
});

test("an opaque directory of an image hides what is below it", async () => {
  await user.output(
    "run",
    "--name",
    "opaque",
    "--network",
    "none",
    "tsrun/base",
    "sh",
    "-c",
    "rm -r /etc; mkdir /etc; touch /etc/alone",
  );
  await user.output("commit", "opaque", "opaque");
  expect(
    await user.output(
      "run",
      ...none,
      "opaque",
      "sh",
      "-c",
      "ls /etc | grep -vE 'hosts|hostname|resolv.conf'",
    ),
  ).toBe("alone");
});

test("--privileged is all capabilities over the user's own, and no device that the user may not open", async () => {
  const status = await user.output(
    "run",
    ...none,
    "--privileged",
    "tsrun/base",
    "sh",
    "-c",
    "grep CapEff /proc/self/status; mount -t tmpfs t /mnt && echo mounted; test -e /dev/mem || echo no mem",
  );
  expect(status).toMatch(/CapEff:\s+000001ffffffffff\nmounted\nno mem/);
});

test("a limit without delegation, pause and an id beyond the user's are refused with what would help", async () => {
  const limited = await user.tsrun("run", ...none, "-m", "64m", "tsrun/base", "true");
  expect(limited).toMatchObject({ code: 125, stderr: expect.stringMatching(/needs a cgroup.*\nhint: /) });
  await user.output("run", "-d", "--name", "busy", "--network", "none", "tsrun/base", "sleep", "100");
  expect((await user.tsrun("pause", "busy")).stderr).toMatch(/pausing a container.* needs a cgroup/);
  const far = await user.tsrun("run", ...none, "-u", "70000", "tsrun/base", "true");
  expect(far).toMatchObject({
    code: 125,
    stderr: expect.stringMatching(/no user or group 70000: the last one is 65536/),
  });
});

test("--userns is refused, with the reason", async () => {
  for (const mode of ["auto", "remap", "keep-id"]) {
    const { code, stderr } = await user.tsrun("run", ...none, `--userns=${mode}`, "tsrun/base", "true");
    expect({ code, stderr }).toMatchObject({
      code: 125,
      stderr: expect.stringContaining("in the user's own namespace already"),
    });
  }
  await user.output("run", ...none, "--userns=host", "tsrun/base", "true");
});

test("tsrun-oci runs a bundle in a user namespace, for the user and for root of the user's namespaces", async () => {
  const bin = join(process.cwd(), "bin");
  const edit = `const fs = require("fs"), c = JSON.parse(fs.readFileSync("config.json"));
    c.mounts = c.mounts.filter(({ type }) => type !== "cgroup");
    c.process.terminal = false;
    c.process.args = ["cat", "/proc/self/uid_map"];
    fs.writeFileSync("config.json", JSON.stringify(c));`;
  const run = `set -e; mkdir -p ~/$0/rootfs; cd ~/$0; tar xf ~/files.tar -C rootfs; ${bin}/tsrun-oci spec --rootless
    node -e '${edit}'; exec ${bin}/tsrun-oci --root ~/$0/state run $0`;
  await user.output("create", "--name", "from", "tsrun/base");
  await user.output("export", "-o", join(user.home, "files.tar"), "from");
  await writeFile(join(user.home, "bundle.sh"), run.replaceAll("$0", "$1"));
  const map = (text: string): number[] => text.trim().split(/\s+/).map(Number);
  const plain = await user.shell("sh ~/bundle.sh plain");
  expect(plain).toMatchObject({ code: 0, stderr: "" });
  expect(map(plain.stdout)).toEqual([0, user.uid, 1]);
  const root = await user.shell(`${join(process.cwd(), "native/build/tsrun-rootless")} sh ~/bundle.sh root`);
  expect(root).toMatchObject({ code: 0, stderr: "" });
  expect(map(root.stdout)).toEqual([0, 0, 1]);
});

test("a policy restarts a container that was probed, and --rm is removed when nobody waits", async () => {
  const probed = ["--health-cmd", "true", "--health-interval", "100ms", "--network", "none", "tsrun/base"];
  await user.output("run", "-d", "--name", "phoenix", "--restart", "always", ...probed, "sleep", "1000");
  const state = (field: string) => user.output("inspect", "-f", `{{.State.${field}}}`, "phoenix");
  expect(
    await until(
      () => state("Health.Status"),
      (status) => status === "healthy",
    ),
  ).toBe("healthy");
  process.kill(Number(await state("Pid")), "SIGKILL");
  const count = () => user.output("inspect", "-f", "{{.RestartCount}} {{.State.Running}}", "phoenix");
  expect(await until(count, (text) => text === "1 true")).toBe("1 true");
  await user.output("run", "-d", "--name", "brief", "--rm", ...probed, "sleep", "1");
  const names = () => user.output("ps", "-a", "--format", "{{.Names}}");
  expect(await until(names, (text) => !text.includes("brief"))).not.toContain("brief");
});

test("the namespaces end by themselves where nothing runs in them, and are made anew", async () => {
  const ids = (await user.output("ps", "-q")).split("\n").filter(Boolean);
  await user.output("rm", "-f", ...ids);
  const before = user.holder();
  process.kill(before, "SIGTERM");
  await expect.poll(() => statSync(`/proc/${before}/ns`, { throwIfNoEntry: false })).toBeUndefined();
  await inside("true");
  expect(user.holder()).not.toBe(before);
});
