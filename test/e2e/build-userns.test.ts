/** A build where all containers have other users than the host's: nothing of that is in what comes out. */
import { execFileSync } from "node:child_process";
import { chownSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { REPOSITORY } from "../support/cli.ts";
import { useHost } from "./support/host.ts";

const host = useHost({ pull: [] });
const { output, tsrunWith } = host;
/** The user that scripts/test-user makes, and what /etc/subuid gives it. */
const USER = "tsrun-user-51234";
const REMAP = 51_234 * 65_536;
const MAPPED = new RegExp(`^#\\d+ [\\d.]+ +0 ${REMAP} 65536$`, "m");
const remapped = { "userns-remap": USER };

const context = join(host.directory, "context");
const secret = join(host.directory, "secret");

beforeAll(() => {
  // The test host's own files of ids, which the machine's are not.
  execFileSync(join(REPOSITORY, "scripts/test-user"), ["true"]);
  mkdirSync(join(context, "sub"), { recursive: true });
  writeFileSync(join(context, "file"), "content\n", { mode: 0o640 });
  writeFileSync(join(context, "sub", "private"), "mine\n", { mode: 0o600 });
  writeFileSync(secret, "opensesame\n");
});

const build = (config: object, dockerfile: string, ...args: string[]) => {
  host.configure(config);
  const env = { SOURCE_DATE_EPOCH: "1700000000" };
  writeFileSync(join(context, "Dockerfile"), dockerfile);
  const flags = ["--network", "none", "--no-cache", "--progress", "plain", "--secret", `id=s,src=${secret}`];
  return tsrunWith({ env }, "build", ...flags, ...args, context);
};

/** Of two such builds, what is in the images' configurations and layers is the same. */
const DOCKERFILE = `FROM tsrun/base AS tools
RUN mkdir -p /out/d && echo tool | tee /out/d/tool > /out/d/text && chown -R 12:34 /out && chmod 6755 /out/d/tool

FROM tsrun/base
COPY --chown=1000:1001 file /owned
COPY --from=tools /out /copied
RUN echo 'app:x:1000:1000::/home/app:/bin/sh' >> /etc/passwd && echo 'app:x:1000:' >> /etc/group \
  && mkdir -p /home/app && chown app:app /home/app && chmod 2750 /home/app && mkfifo /fifo && ln -s owned /link
RUN chown 7:8 /owned && chmod 4755 /owned && chown -h 9:10 /link && rm -r /root && mkdir /root && touch /root/new
RUN echo again >> /copied/d/text && mv /copied/d /copied/e && ln /owned /hard
USER app
WORKDIR /home/app/work
RUN touch mine && stat -c '%u:%g' mine /home/app > seen
USER root
RUN --mount=type=secret,id=s,uid=1000,mode=0400 stat -c '%u:%g:%a' /run/secrets/s > /secret && su app -c 'cat /run/secrets/s' | wc -c >> /secret
RUN --mount=type=bind,target=/context,readonly stat -c '%u:%g:%a' /context /context/sub/private >> /bound && cat /context/sub/private >> /bound
RUN --mount=type=bind,target=/context,rw rm /context/sub/private && touch /context/sub/new
RUN --mount=type=bind,source=file,target=/one cat /one >> /bound && stat -c '%u:%g' /one >> /bound
RUN --mount=type=bind,from=tools,source=/out,target=/tools stat -c '%u:%g:%a' /tools/d/tool >> /bound
RUN --mount=type=tmpfs,target=/tmpfs touch /tmpfs/x && stat -c %u /tmpfs /tmpfs/x > /tmp/tmpfs
RUN <<END
#!/bin/cat
a script of its own
END
RUN echo '10.0.0.9 db' >> /etc/hosts && grep -c db /etc/hosts > /hosts
`;

describe("userns-remap", () => {
  test("leads to the same image, digest by digest", async () => {
    const look = `RUN cat /proc/self/uid_map | tr -s ' '\n`;
    const there = await build(remapped, `${DOCKERFILE}${look}`, "-t", "remapped");
    expect(there).toMatchObject({ code: 0, stderr: expect.stringMatching(MAPPED) });
    expect(there.stderr).toMatch(/^#\d+ [\d.]+ a script of its own$/m);
    const here = await build({}, `${DOCKERFILE}${look}`, "-t", "plain");
    expect(here).toMatchObject({ code: 0, stderr: expect.not.stringMatching(MAPPED) });
    const inspect = (name: string) => output("image", "inspect", "-f", "{{json .RootFS}} {{.Id}}", name);
    expect(await inspect("remapped")).toBe(await inspect("plain"));
  });

  test("and that image has the owners that its Dockerfile gave", async () => {
    const script =
      "stat -c '%n %u:%g:%a' /owned /link /home/app /home/app/work /copied/e/tool; cat /home/app/work/seen /secret /bound /tmp/tmpfs /hosts";
    for (const config of [remapped, {}]) {
      host.configure(config);
      const said = await output("run", "--rm", "--network", "none", "remapped", "sh", "-c", script);
      expect(said.split("\n")).toEqual([
        ...["/owned 7:8:4755", "/link 9:10:777", "/home/app 1000:1000:2750", "/home/app/work 1000:1000:755"],
        "/copied/e/tool 12:34:6755",
        ...["1000:1000", "1000:1000"],
        ...["1000:0:400", "11"],
        ...["0:0:755", "0:0:600", "mine", "content", "0:0", "12:34:6755"],
        ...["0", "0", "1"],
      ]);
    }
    await output("rmi", "remapped", "plain");
  });

  test("a cache is the same for builds with and without it", async () => {
    const dockerfile = (number: number) => `FROM tsrun/base
RUN --mount=type=cache,target=/c,id=shared,uid=5,gid=6 stat -c '%u:%g' /c/* 2> /dev/null; stat -c '%u:%g' /c; \
  touch /c/${number} && chown ${number}:${number} /c/${number}
`;
    const said: string[] = [];
    for (const [index, config] of [remapped, {}, remapped].entries()) {
      const { code, stderr } = await build(config, dockerfile(index + 1));
      expect({ code, stderr }).toMatchObject({ code: 0 });
      said.push([...stderr.matchAll(/^#\d+ [\d.]+ (\d+:\d+)$/gm)].map(([, owner]) => owner).join(" "));
    }
    expect(said).toEqual(["5:6", "1:1 5:6", "1:1 2:2 5:6"]);
    const mounts = join(host.root, "build", "mounts");
    const [only = ""] = readdirSync(mounts);
    expect(lstatSync(join(mounts, only, "data", "3"))).toMatchObject({ uid: 3, gid: 3 });
  });

  test("what goes beyond it is refused, and named", async () => {
    const from = "FROM tsrun/base\n";
    expect(await build(remapped, `${from}USER 70000\nRUN true\n`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no user or group 70000"),
    });
    expect(await build(remapped, `${from}RUN --mount=type=secret,id=s,uid=70000 true\n`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no user or group 70000"),
    });
    expect(await build(remapped, `${from}RUN chown 70000 /tmp\n`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Invalid argument"),
    });
    const insecure = `${from}RUN --security=insecure true\n`;
    expect(await build(remapped, insecure, "--allow", "security.insecure")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("RUN --security=insecure is incompatible with user namespaces"),
    });
    expect(await build(remapped, `${from}RUN true\n`, "--network", "host")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("cannot share the host's network namespace"),
    });
    expect(await build({ "userns-remap": "nobody-of-that-name" }, from)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("/etc/passwd knows no nobody-of-that-name"),
    });
  });

  test("a RUN is on the network like any other container", async () => {
    host.configure(remapped);
    const dockerfile = "FROM tsrun/base\nRUN ip -o -4 addr show eth0; ping -c 1 -w 5 172.17.0.1\n";
    const { code, stderr } = await tsrunWith(
      { input: dockerfile },
      "build",
      "--no-cache",
      "--progress",
      "plain",
      "-",
    );
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining(" 0% packet loss") });
  });

  test("somebody who breaks out of a RUN is nobody", async () => {
    const building = build(remapped, "FROM tsrun/base\nRUN sleep 3.1415\n");
    const find = () =>
      readdirSync("/proc").find(
        (pid) => /^\d+$/.test(pid) && commandOf(pid) === ["sleep", "3.1415", ""].join("\0"),
      );
    await expect.poll(find, { timeout: 10_000 }).toBeDefined();
    expect(statSync(`/proc/${find()}`).uid).toBe(REMAP);
    expect(await building).toMatchObject({ code: 0 });
  });

  test("files of whoever else are read as the context's, which is root's", async () => {
    chownSync(join(context, "sub", "private"), 3_000_000_000, 3_000_000_000);
    const mounted = "--mount=type=bind,target=/context cat /context/sub/private";
    const dockerfile = `FROM tsrun/base\nRUN ${mounted}\nCOPY sub /\nUSER 1000\nRUN ! cat /private 2> /dev/null\n`;
    const { code, stderr } = await build(remapped, dockerfile);
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringMatching(/^#\d+ [\d.]+ mine$/m) });
  });
});

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // it has ended
  }
}
