/** What a RUN may and may not: its limits, its privileges, its network, the agent that it is given. */
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isRootless } from "../../src/kernel/rootless.ts";
import type { CliResult } from "../support/cli.ts";
import { useHost } from "./support/host.ts";

const host = useHost({ pull: [] });
const { output, tsrun, tsrunWith } = host;

let context: string;
beforeEach(() => {
  context = join(host.directory, "context");
  mkdirSync(context);
});
afterEach(() => rmSync(context, { recursive: true }));

const build = (dockerfile: string, ...args: string[]): Promise<CliResult> => {
  writeFileSync(join(context, "Dockerfile"), dockerfile);
  return tsrun("build", "--progress", "plain", ...args, context);
};
/** What the steps have printed, of a build that is to succeed. */
const said = async (dockerfile: string, ...args: string[]): Promise<string> => {
  const { code, stderr } = await build(dockerfile, ...args);
  if (code !== 0) throw new Error(`ended with ${code}: ${stderr}`);
  return [...stderr.matchAll(/^#\d+ \d+\.\d+ (?!writing image |naming to )(.*)$/gm)]
    .map(([, line]) => line)
    .join("\n");
};

const isV2 = existsSync("/sys/fs/cgroup/cgroup.controllers");
const CPUSET = isV2 ? "cpuset.cpus" : "cpuset/cpuset.cpus";

describe("limits", () => {
  const none = ["--network", "none"];

  test("a RUN that outgrows --memory says so", async () => {
    const dockerfile = "FROM tsrun/base\nRUN dd if=/dev/zero of=/dev/null bs=200M count=1\n";
    const { code, stderr } = await build(dockerfile, ...none, "-m", "64m", "--memory-swap", "64m");
    expect(code).toBe(1);
    expect(stderr).toContain(
      "did not complete successfully: exit code: 137: out of memory: --memory is 67108864 bytes\n",
    );
    expect((await build(dockerfile, ...none, "-m", "1g")).code).toBe(0);
  });

  test("others are the cgroup's, and what cannot be is said before anything is built", async () => {
    const dockerfile = `FROM tsrun/base\nRUN cat /sys/fs/cgroup/${CPUSET}\n`;
    expect(await said(dockerfile, ...none, "--cpuset-cpus", "0", "-c", "512", "--cpu-quota", "50000")).toBe(
      "0",
    );
    const { code, stderr } = await build(dockerfile, ...none, "--cpuset-cpus", "4095");
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("4095") });
    expect(stderr).not.toContain("#1");
  });
});

describe("the host's privileges", () => {
  const CAPABILITIES = "sed -n s/CapEff:.//p /proc/self/status";
  const MOUNT = "mkdir -p /mnt && mount -t tmpfs none /mnt && echo mounted && umount /mnt";
  const dockerfile = `FROM tsrun/base\nRUN --security=insecure ${CAPABILITIES}; ${MOUNT}\n`;

  test("are for whom they are allowed to", async () => {
    expect(await build(dockerfile, "--network", "none")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/security\.insecure is not allowed\n.*--allow security\.insecure/),
    });
    const all = await output(
      "run",
      "--rm",
      "--privileged",
      "--network",
      "none",
      "tsrun/base",
      "sh",
      "-c",
      CAPABILITIES,
    );
    const lines = await said(dockerfile, "--network", "none", "--allow", "security.insecure");
    expect(lines).toBe(`${all}\nmounted`);
    const sandboxed = dockerfile.replace("--security=insecure", "--security=sandbox");
    const { code, stderr } = await build(sandboxed, "--network", "none", "--allow", "security.insecure");
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.not.stringContaining(all) });
  });

  test("leave nothing of themselves in the layer", async () => {
    await said(dockerfile, "--network", "none", "--allow", "security.insecure", "-t", "insecure");
    const tree = join(host.directory, "tree");
    expect(await tsrunWith({ input: "FROM insecure\n" }, "build", "-q", "-o", tree, "-")).toMatchObject({
      code: 0,
    });
    expect(execFileSync("find", [join(tree, "dev")], { encoding: "utf8" }).split("\n")).toHaveLength(2);
    rmSync(tree, { recursive: true });
    await output("rmi", "insecure");
  });
});

describe("networks", () => {
  const NAMESPACE = "readlink /proc/self/ns/net; ls /sys/class/net | grep -c .";
  const own = readlinkSync("/proc/self/ns/net");

  test("the host's is for whom it is allowed to", async () => {
    const dockerfile = `FROM tsrun/base\nRUN --network=host ${NAMESPACE}\n`;
    expect(await build(dockerfile)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/network\.host is not allowed\n.*--allow network\.host/),
    });
    const lines = await said(dockerfile, "--network", "none", "--allow", "network.host");
    expect(lines.split("\n")[0]).toBe(own);
    expect(await said(`FROM tsrun/base\nRUN : all; ${NAMESPACE}\n`, "--network", "host")).toContain(own);
  });

  test("the host's brings its names along, and leaves none in the layer", async () => {
    const dockerfile = "FROM tsrun/base\nRUN --network=host grep -c localhost /etc/hosts\n";
    const allowed = ["--allow", "network.host", "--add-host", "db:10.0.0.9"];
    expect(await said(dockerfile, ...allowed)).toMatch(/^[1-9]/);
    expect(await said(dockerfile.replace("-c localhost", "db"), ...allowed)).toBe("10.0.0.9\tdb");
  });

  test("a RUN's own choice comes first", async () => {
    const dockerfile = `FROM tsrun/base\nRUN ${NAMESPACE}\nRUN --network=none ${NAMESPACE}; true\n`;
    const [first, links, second, alone] = (await said(dockerfile)).split("\n");
    // The second may have the number of the first, which is gone; what is in them tells them apart.
    expect([first, second]).not.toContain(own);
    expect([links, alone]).toEqual(["2", "1"]);
  });
});

describe("the context as a mount", () => {
  const look =
    "RUN --mount=type=bind,target=/context stat -c '%n %u:%g' /context /context/a /context/a/b; stat -c %i /context/a/b";
  const roots = "/context 0:0\n/context/a 0:0\n/context/a/b 0:0";
  const dockerfile = `FROM tsrun/base\n${look}\n`;
  const flags = ["--network", "none", "--no-cache"];
  const own = (...args: string[]) => execFileSync("chown", args, { cwd: context });

  beforeEach(() => {
    mkdirSync(join(context, "a"));
    writeFileSync(join(context, "a/b"), "x");
    writeFileSync(join(context, "Dockerfile"), dockerfile);
  });

  test("is root's, whoever's it is on the host, where it stays theirs", async () => {
    own("-R", "1234:4321", ".");
    const { uid, gid, ino } = lstatSync(join(context, "a/b"));
    expect([uid, gid]).toEqual([1234, 4321]);
    const lines = (await said(dockerfile, ...flags)).split("\n");
    expect(lines.slice(0, -1).join("\n")).toBe(roots);
    // The very file, and no copy, where its owner can be mapped: an ordinary user has no privileges over its filesystem.
    expect(lines.at(-1) === String(ino)).toBe(!isRootless());
    expect(lstatSync(join(context, "a/b"))).toMatchObject({ uid, gid });
  });

  test("of several owners too", async () => {
    own("-R", "1234:4321", "a");
    own("7:8", "a/b");
    const { ino } = lstatSync(join(context, "a/b"));
    const lines = (await said(dockerfile, ...flags)).split("\n");
    expect(lines.slice(0, -1).join("\n")).toBe(roots);
    expect(lines.at(-1)).not.toBe(String(ino));
    expect(lstatSync(join(context, "a/b"))).toMatchObject({ uid: 7, gid: 8 });
  });

  test("and a file of it by itself", async () => {
    own("7:8", "a/b");
    const file = "FROM tsrun/base\nRUN --mount=type=bind,source=a/b,target=/b stat -c '%u:%g' /b && cat /b\n";
    expect(await said(file, ...flags)).toBe("0:0\nx");
  });
});

test("an agent is spoken to by the RUN that asks for it, and by no other", async () => {
  const source = `#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(void) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  char reply[64] = "";
  /* SSH_AGENTC_REQUEST_IDENTITIES; of the answer, what comes after its length and its type. */
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  strcpy(at.sun_path, getenv("SSH_AUTH_SOCK"));
  if (connect(fd, (void *)&at, sizeof at) || write(fd, "\\0\\0\\0\\1\\13", 5) != 5 || read(fd, reply, 63) < 6) return 1;
  return puts(reply + 5) < 0;
}
`;
  execFileSync("cc", ["-static", "-x", "c", "-o", join(context, "ask"), "-"], { input: source });
  const socket = join(host.directory, "agent");
  const heard: string[] = [];
  const agent = createServer((client) => {
    client.on("data", (data) => {
      heard.push(data.toString("hex"));
      client.end("\0\0\0\x06\x0cpong\0");
    });
  });
  await new Promise<void>((resolve) => agent.listen(socket, resolve));
  try {
    const flags = "type=ssh,id=mine,uid=1000,mode=0600";
    const dockerfile = `FROM tsrun/base
COPY ask /ask
USER 1000
RUN --mount=${flags} /ask && stat -c %u:%a $SSH_AUTH_SOCK
RUN echo "none:$SSH_AUTH_SOCK"; test ! -e /run/buildkit
`;
    const lines = await said(dockerfile, "--network", "none", "--ssh", `mine=${socket}`);
    expect(lines).toBe("pong\n1000:600\nnone:");
    expect(heard).toEqual(["000000010b"]);
    expect(await build(dockerfile.replace("uid=", "required,uid="), "--network", "none")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("unset ssh forward key mine"),
    });
  } finally {
    agent.close();
    rmSync(socket, { force: true });
  }
});
