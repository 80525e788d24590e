/** native/forward: what comes to a port goes to its target, whole, both ways, and the target may change. */
import { type ChildProcess, spawn } from "node:child_process";
import dgram from "node:dgram";
import { once } from "node:events";
import { renameSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { openWorkshop, SANITIZER_ENVIRONMENT, type Workshop } from "./compile.ts";

/** TARGETS tcp|udp: serves one port of its own, which it prints. The namespace is this one, so root is not needed. */
const MAIN = `
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "forward.h"

int main(int argc, char **argv)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(name);
	int is_tcp = strcmp(argv[argc - 1], "tcp") == 0;
	int fd = socket(AF_INET, is_tcp ? SOCK_STREAM : SOCK_DGRAM, 0);

	signal(SIGPIPE, SIG_IGN);
	bind(fd, (struct sockaddr *)&name, length);
	getsockname(fd, (struct sockaddr *)&name, &length);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	target_file = argv[1];
	if (is_tcp)
		tcp_serve(fd, 0);
	else
		udp_serve(fd, 0);
	printf("%d\\n", ntohs(name.sin_port));
	fflush(stdout);
	serve();
}
`;

let workshop: Workshop;
let program: string;
let running: ChildProcess | undefined;
let targets: string;

beforeAll(() => {
  workshop = openWorkshop();
  const sources = ["poll", "target", "tcp", "udp"].map((name) => `forward/${name}.c`);
  program = workshop.compile("forward", { sources, main: MAIN, include: "forward" });
  targets = join(workshop.directory, "targets");
});
afterEach(() => running?.kill("SIGKILL"));
afterAll(() => workshop[Symbol.dispose]());

const leadTo = (port: number): void => {
  writeFileSync(`${targets}.new`, `127.0.0.1 ${port}\n`);
  renameSync(`${targets}.new`, targets);
};

async function forwarder(protocol: "tcp" | "udp"): Promise<number> {
  running = spawn(program, [targets, protocol], {
    env: SANITIZER_ENVIRONMENT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [text] = await once(running.stdout as NodeJS.ReadableStream, "data");
  return Number(String(text));
}

/** A server that does that with each connection; its port. */
async function serverOf(each: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, each).listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  return (server.address() as AddressInfo).port;
}

/** What a connection says until it ends. */
async function answer(port: number, said: Buffer | string): Promise<Buffer> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.end(said);
  const pieces: Buffer[] = [];
  for await (const piece of socket) pieces.push(piece);
  return Buffer.concat(pieces);
}

test("what both sides say arrives whole, after the other has said all", async () => {
  leadTo(
    await serverOf((socket) => {
      const pieces: Buffer[] = [];
      socket
        .on("data", (piece) => pieces.push(piece))
        .on("end", () => socket.end(Buffer.concat(pieces).reverse()));
    }),
  );
  const port = await forwarder("tcp");
  const said = Buffer.alloc(3_000_000, "abcdefghijk");
  const answers = await Promise.all(Array.from({ length: 8 }, () => answer(port, said)));
  for (const each of answers) expect(each.equals(Buffer.from(said).reverse())).toBe(true);
});

test("a slow reader holds up nobody but its own server", async () => {
  leadTo(await serverOf((socket) => socket.end(Buffer.alloc(20_000_000, 1))));
  const port = await forwarder("tcp");
  const slow = connect(port, "127.0.0.1").pause();
  expect((await answer(port, "")).length).toBe(20_000_000);
  let received = 0;
  slow.on("data", (piece: Buffer) => {
    received += piece.length;
  });
  await once(slow.resume(), "end");
  expect(received).toBe(20_000_000);
});

test("the target is looked up for each connection; without one it ends", async () => {
  leadTo(await serverOf((socket) => socket.end("one")));
  const port = await forwarder("tcp");
  expect(String(await answer(port, ""))).toBe("one");
  leadTo(await serverOf((socket) => socket.end("two")));
  expect(String(await answer(port, ""))).toBe("two");
  writeFileSync(targets, "\n");
  expect(String(await answer(port, "").catch(() => ""))).toBe("");
});

test("connections that break do no harm", async () => {
  leadTo(
    await serverOf((socket) => socket.on("error", () => {}).once("data", () => socket.resetAndDestroy())),
  );
  const port = await forwarder("tcp");
  for (let round = 0; round < 50; round++) {
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    socket.write("x");
    if (round % 2 === 0) socket.resetAndDestroy();
    else await once(socket, "close");
  }
  await sleep(20);
  expect(running?.exitCode).toBeNull();
});

test("datagrams find their way back to the client that asked, more clients than are remembered", async () => {
  const echo = dgram.createSocket("udp4").bind(0, "127.0.0.1");
  await once(echo, "listening");
  echo.on("message", (message, from) => echo.send(`echo ${message}`, from.port, from.address)).unref();
  leadTo(echo.address().port);
  const port = await forwarder("udp");
  const ask = async (text: string): Promise<string> => {
    const socket = dgram.createSocket("udp4");
    const heard = once(socket, "message");
    socket.send(text, port, "127.0.0.1");
    const [message] = await heard;
    socket.close();
    return String(message);
  };
  for (let round = 0; round < 11; round++) {
    const texts = Array.from({ length: 100 }, (_, at) => `${round}-${at}`);
    expect(await Promise.all(texts.map(ask))).toEqual(texts.map((text) => `echo ${text}`));
  }
});
