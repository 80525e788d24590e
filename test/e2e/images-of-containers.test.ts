import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { useHost } from "./support/host.ts";

const host = useHost();
const { output, tsrun, shell } = host;

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
});

async function ended(name: string, script: string, ...flags: string[]): Promise<void> {
  await output("run", "--name", name, "--network", "none", ...flags, "busybox", "sh", "-c", script);
}
const ID = /^sha256:[0-9a-f]{64}$/;
const inspect = async (image: string): Promise<{ Config: Record<string, unknown>; [key: string]: unknown }> =>
  JSON.parse(await output("image", "inspect", image))[0];

describe("diff", () => {
  test("shows what was added, changed and deleted", async () => {
    await ended("box", "touch /etc/new; rm /www/index.html; echo x >> /etc/passwd; mkdir -p /a/b");
    expect(await output("diff", "box")).toBe(
      ["A /a", "A /a/b", "C /etc", "A /etc/new", "C /etc/passwd", "C /www", "D /www/index.html"].join("\n"),
    );
    expect(await output("container", "diff", "box")).toBe(await output("diff", "box"));
  });

  test("shows nothing where nothing was changed, and mounts that were asked for", async () => {
    await ended("plain", "true");
    expect(await output("diff", "plain")).toBe("");
    await ended("mounted", "true", "-v", `${host.directory}:/data`, "-w", "/work", "--init");
    expect(await output("diff", "mounted")).toBe("A /data\nA /work");
    expect((await tsrun("diff", "nobody")).stderr).toContain("No such container: nobody");
  });

  test("of what runs", async () => {
    await output("run", "-d", "--name", "box", "--network", "none", "busybox", "sleep", "1000");
    await output("exec", "box", "touch", "/tmp/now");
    expect(await output("diff", "box")).toBe("C /tmp\nA /tmp/now");
  });
});

describe("export", () => {
  test("writes an archive to a file or to a pipe, never to a terminal", async () => {
    await ended("box", "echo content > /file");
    const file = join(host.directory, "box.tar");
    expect(await output("export", "-o", file, "box")).toBe("");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { stdout } = await shell(`tar -xOf ${file} file; tsrun export box | tar -xO file`);
    expect(stdout).toBe("content\ncontent\n");
    const terminal = await shell('script -qec "tsrun export box" /dev/null < /dev/null');
    expect(terminal.stdout).toContain("cowardly refusing to save to a terminal. Use the -o flag or redirect");
    expect(terminal.code).toBe(1);
  });

  test("leaves what was there before where it fails", async () => {
    await ended("box", "true");
    const file = join(host.directory, "kept.tar");
    await shell(`echo before > ${file}`);
    expect((await tsrun("export", "-o", file, "nobody")).code).toBe(1);
    expect(readFileSync(file, "utf8")).toBe("before\n");
    const missing = await tsrun("export", "-o", join(host.directory, "no/where.tar"), "box");
    expect(missing).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/directory ".*no" does not exist/),
    });
    const full = await shell(
      "mkdir -p full; mount -t tmpfs -o size=64k none full; tsrun export -o full/x box; ls -A full; umount full",
    );
    expect(full.stdout).toBe("");
    expect(full.stderr).toContain("no space left");
  });

  test("Ctrl-C ends it and leaves no half of a file", async () => {
    await ended("box", "dd if=/dev/urandom of=/big bs=1M count=200 2>/dev/null");
    const exporting = host.start({}, "export", "-o", join(host.directory, "big.tar"), "box");
    while (!readdirSync(host.directory).some((name) => name.endsWith(".tmp"))) await sleep(2);
    exporting.child.kill("SIGINT");
    expect(await exporting.result).toMatchObject({ code: 130 });
    expect(readdirSync(host.directory).filter((name) => /\.tmp$|^big/.test(name))).toEqual([]);
  });
});

describe("commit", () => {
  test("makes an image of the container, with its configuration", async () => {
    await ended(
      "box",
      "echo written > /file",
      "-e",
      "COLOUR=red",
      "-w",
      "/srv",
      "-l",
      "tier=web",
      "-u",
      "root",
    );
    const id = await output("commit", "-m", "message", "-a", "Ann <ann@example.org>", "box", "made:1");
    expect(id).toMatch(ID);
    expect(await output("run", "--rm", "--network", "none", "made:1", "cat", "/file")).toBe("written");
    const image = await inspect("made:1");
    expect(image).toMatchObject({ Id: id, Author: "Ann <ann@example.org>", Comment: "message" });
    expect(image.Config).toMatchObject({
      Cmd: ["sh", "-c", "echo written > /file"],
      Labels: { tier: "web" },
      WorkingDir: "/srv",
      User: "root",
    });
    expect(image.Config.Env).toContain("COLOUR=red");
    expect(await output("images", "--format", "{{.Repository}}:{{.Tag}}", "made")).toBe("made:1");
  });

  test("--change", async () => {
    await ended("box", "true");
    const changes = ['CMD ["echo", "changed"]', "ENV A=1 B=$A", "EXPOSE 80", "WORKDIR /opt", "USER 1000"];
    await output("commit", ...changes.flatMap((change) => ["-c", change]), "box", "made:2");
    expect(await output("run", "--rm", "--network", "none", "made:2")).toBe("changed");
    expect(
      await output("run", "--rm", "--network", "none", "made:2", "sh", "-c", "pwd; id -u; echo $A"),
    ).toBe("/opt\n1000\n1");
    const wrong = await tsrun("commit", "-c", "RUN true", "box");
    expect(wrong).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("run is not a valid change command"),
    });
  });

  test("without a name there is an image by its id; a name moves to the new one", async () => {
    await ended("box", "touch /x");
    const [first, second] = [await output("commit", "box"), await output("commit", "box", "moving")];
    const third = await output("container", "commit", "--pause=false", "box", "moving");
    expect(new Set([first, second, third]).size).toBe(3);
    expect((await inspect("moving")).Id).toBe(third);
    expect(await output("run", "--rm", "--network", "none", first.slice(7, 19), "ls", "/x")).toBe("/x");
    for (const bad of ["Upper:1", `a@sha256:${"0".repeat(64)}`])
      expect((await tsrun("commit", "box", bad)).code).toBe(1);
  });

  test("what runs stands still meanwhile, and Ctrl-C lets it run on", async () => {
    await output(
      "run",
      "-d",
      "--name",
      "box",
      "--network",
      "none",
      "busybox",
      "sh",
      "-c",
      [
        "dd if=/dev/urandom of=/big bs=1M count=400 2>/dev/null; touch /ready",
        "while :; do date +%s%N > /tick; done",
      ].join("; "),
    );
    await expect
      .poll(async () => (await tsrun("exec", "box", "ls", "/ready")).code, { timeout: 60_000 })
      .toBe(0);
    const committing = host.start({}, "commit", "box");
    const paused = () => output("inspect", "-f", "{{.State.Paused}}", "box");
    await expect.poll(paused, { interval: 10, timeout: 10_000 }).toBe("true");
    committing.child.kill("SIGINT");
    expect(await committing.result).toMatchObject({ code: 130 });
    expect(await paused()).toBe("false");
    const tick = () => output("exec", "box", "cat", "/tick");
    const before = await tick();
    await expect.poll(tick).not.toBe(before);
    expect(readdirSync(join(host.root, "tmp"))).toEqual([]);
  });
});

describe("import", () => {
  test("makes an image of a file, of standard input and of a URL", async () => {
    await ended("box", "echo imported > /file");
    const file = join(host.directory, "rootfs.tar");
    await output("export", "-o", file, "box");
    const server = createServer((_, response) => response.end(readFileSync(file))).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/rootfs.tar`;
    expect(await output("import", "-c", "CMD cat /file", "-m", "by hand", file, "made:file")).toMatch(ID);
    expect(await output("image", "import", "-c", "CMD cat /file", url, "made:url")).toMatch(ID);
    const piped = await shell(`gzip < ${file} | tsrun import -c "CMD cat /file" - made:pipe`);
    expect(piped).toMatchObject({ code: 0, stdout: expect.stringMatching(/^sha256:/) });
    for (const tag of ["file", "url", "pipe"])
      expect(await output("run", "--rm", "--network", "none", `made:${tag}`)).toBe("imported");
    const layers = await Promise.all(
      ["file", "url", "pipe"].map(async (tag) => (await inspect(`made:${tag}`)).RootFS),
    );
    expect(layers[1]).toEqual(layers[0]);
    expect(layers[2]).toEqual(layers[0]);
    expect((await inspect("made:file")).Comment).toBe("by hand");
    expect((await inspect("made:url")).Comment).toBe(`Imported from ${url}`);
    server.close();
    const gone = await tsrun("import", url);
    expect(gone).toMatchObject({ code: 1, stderr: expect.stringContaining(`cannot download ${url}`) });
  });

  test("refuses what is no root filesystem", async () => {
    const refused = async (args: string[], message: string): Promise<void> => {
      expect(await tsrun("import", ...args)).toMatchObject({
        code: 1,
        stdout: "",
        stderr: expect.stringContaining(message),
      });
    };
    await refused(["/nope"], "open /nope: no such file or directory");
    await refused(["/etc/passwd"], "not a tar archive");
    await refused(["/dev/null"], "there are no files in it");
    await refused(["-c", "FROM x", "/dev/null"], "from is not a valid change command");
    expect(existsSync(join(host.root, "tmp")) ? readdirSync(join(host.root, "tmp")) : []).toEqual([]);
  });

  test("--platform", async () => {
    await ended("box", "true");
    await shell("tsrun export box | tsrun import --platform linux/arm/v7 - made:arm");
    expect(await inspect("made:arm")).toMatchObject({ Os: "linux", Architecture: "arm", Variant: "v7" });
  });
});
