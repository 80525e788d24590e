/** A service manager that starts a container by tsrun-oci hears when that is ready: sd_notify(3). */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bindDatagramSocket, connectDatagramSocket, receiveDatagram } from "../../src/kernel/datagrams.ts";
import { createOci, type Oci, TSRUN_OCI } from "../support/oci.ts";

let it: Oci;
let manager: number;
beforeAll(() => {
  it = createOci();
  manager = bindDatagramSocket(it.directory, "manager");
});
afterAll(() => {
  closeSync(manager);
  it.close();
});

/** Starts tsrun-oci as the manager would; the result is its exit code once it has ended. */
function managed(...words: string[]): { pid: number; ended: Promise<number> } {
  const child = spawn(TSRUN_OCI, ["--root", it.root, ...words], {
    stdio: "ignore",
    env: { ...process.env, NOTIFY_SOCKET: join(it.directory, "manager") },
  });
  return { pid: child.pid ?? 0, ended: once(child, "exit").then(([code]) => code as number) };
}

/** What the manager has been told; with the last message, which it reads too, the descriptor of the barrier goes. */
function told(): string[] {
  const messages: string[] = [];
  for (let next = receiveDatagram(manager, 100); next !== undefined; next = receiveDatagram(manager, 100)) {
    messages.push(next.toString());
  }
  return messages;
}

async function awaitTold(): Promise<string[]> {
  const messages: string[] = [];
  await expect.poll(() => messages.push(...told()), { interval: 20 }).toBe(3);
  return messages;
}

/** The container's process says something at its socket, by the path that it knows. */
function say(id: string, message: string): void {
  const fd = connectDatagramSocket(`/proc/${it.state(id).pid}/root/run/notify/notify.sock`);
  writeSync(fd, message);
  closeSync(fd);
}

test("start returns when the container is ready, and names its process", async () => {
  const bundle = it.bundle("created", (config) => {
    config.process.args = ["sh", "-c", 'echo "$NOTIFY_SOCKET" >/seen; exec sleep 60'];
  });
  expect(await managed("create", "-b", bundle, "created").ended).toBe(0);
  let returned = false;
  const { ended } = managed("start", "created");
  ended.then(() => {
    returned = true;
  });
  const seen = join(bundle, "rootfs/seen");
  await expect.poll(() => existsSync(seen) && readFileSync(seen, "utf8")).toBe("/run/notify/notify.sock\n");
  say("created", "STATUS=almost");
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect([returned, told()]).toEqual([false, []]);
  say("created", "STATUS=there\nREADY=1\n");
  expect(await awaitTold()).toEqual(["READY=1\n", `MAINPID=${it.state("created").pid}\n`, "BARRIER=1"]);
  expect(await ended).toBe(0);
  expect(it.oci("delete", "-f", "created").code).toBe(0);
});

test("run in the foreground names itself, and goes on", async () => {
  const { pid, ended } = managed("run", "-b", it.bundle("fore"), "fore");
  await expect.poll(() => it.state("fore")?.status).toBe("running");
  say("fore", "READY=1");
  expect(await awaitTold()).toEqual(["READY=1\n", `MAINPID=${pid}\n`, "BARRIER=1"]);
  expect(it.oci("kill", "fore", "KILL").code).toBe(0);
  expect(await ended).toBe(137);
});

test("a container that ends without a word holds up nobody", async () => {
  const bundle = it.bundle("silent", (config) => {
    config.process.args = ["true"];
  });
  expect(await managed("run", "-d", "-b", bundle, "silent").ended).toBe(0);
  expect(told()).toEqual([]);
  expect(it.oci("delete", "silent").code).toBe(0);
});
