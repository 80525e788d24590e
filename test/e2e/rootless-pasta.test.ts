/** The way out of an ordinary user's networks where the host has one itself: pasta(1), which needs a route to copy. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CliResult } from "../support/cli.ts";
import { type Outside, outside } from "./support/outside.ts";
import { processesOf, until, useUser } from "./support/user.ts";

const user = useUser({ uid: 51_237 });
const PORT = 18_287;
let world: Outside;

const shell = (line: string): Promise<CliResult> =>
  new Promise((resolve) => {
    execFile("sh", ["-c", line], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
  });
/** Debian 12's pasta loses an answer now and then that comes together with the end of its connection. */
const connect = (address: string, port: number) =>
  user.output(
    "run",
    "--rm",
    "tsrun/base",
    "sh",
    "-c",
    `timeout 4 nc ${address} ${port} </dev/null; echo end`,
  );

beforeAll(async () => {
  world = await outside(shell);
  expect(await shell(`ip route add default via ${world.address}`)).toMatchObject({ code: 0 });
  await world.serve(PORT);
});
afterAll(() => world[Symbol.asyncDispose]());

test("containers reach other machines, with the host's address", async () => {
  const answer = `::ffff:${world.hostAddress}\nend`;
  const said = await until(
    () => connect(world.address, PORT),
    (text) => text === answer,
  );
  expect(said).toBe(answer);
  const names = processesOf(user.uid);
  expect(names.filter((name) => name.startsWith("pass") || name.startsWith("pasta"))).toHaveLength(1);
  expect(names).not.toContain("slirp4netns");
});

test("not what listens on the host's loopback", async () => {
  const server = createServer((socket) => socket.end("of the host\n")).listen(PORT, "127.0.0.1");
  await once(server, "listening");
  for (const address of ["127.0.0.1", world.hostAddress]) expect(await connect(address, PORT)).toBe("end");
  server.close();
});

test("published ports are reached from here and from other machines", async () => {
  const script = "echo web > /tmp/index.html; exec httpd -f -p 80 -h /tmp";
  await user.output("run", "-d", "--name", "web", "-p", `${PORT + 1}:80`, "tsrun/base", "sh", "-c", script);
  const from = (line: string) =>
    until(
      async () => (await world.sh(line)).stdout,
      (text) => text === "web\n",
    );
  expect(await from(`wget -T 3 -qO- http://${world.hostAddress}:${PORT + 1}/`)).toBe("web\n");
  const here = await fetch(`http://127.0.0.1:${PORT + 1}/`);
  expect(await here.text()).toBe("web\n");
});
