/** A socket that a thread reads, against its other end in the test's hand. */
import { once } from "node:events";
import { closeSync, existsSync, readSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { streamSocketPair } from "../../../src/kernel/process.ts";
import { ThreadSocket } from "../../../src/runtime/thread-socket.ts";

let socket: ThreadSocket;
let fd: number;
let other: number | undefined;
let heard: string;

beforeEach(() => {
  let theirs: number;
  [fd, theirs] = streamSocketPair();
  other = theirs;
  heard = "";
  socket = new ThreadSocket(fd);
  socket.on("data", (chunk: Buffer) => {
    heard += chunk.toString();
  });
});

afterEach(async () => {
  hangUp();
  const closed = once(socket, "close");
  if (socket.destroyed) return;
  socket.resume();
  await closed;
});

function hangUp(): void {
  if (other !== undefined) closeSync(other);
  other = undefined;
}

const say = (text: string): number => writeSync(other as number, text);
async function hear(text: string): Promise<void> {
  for (let tries = 0; heard !== text && tries < 200; tries++) await sleep(5);
  expect(heard).toBe(text);
}

test("gives what arrives, and writes", async () => {
  say("one");
  socket.resume();
  await hear("one");
  say(" two");
  await hear("one two");
  socket.write(Buffer.from("answer"));
  const buffer = Buffer.alloc(16);
  expect(buffer.toString("utf8", 0, readSync(other as number, buffer))).toBe("answer");
});

test("gives nothing before resume(), and no more than what is on its way after pause()", async () => {
  say("one");
  await sleep(30);
  expect(heard).toBe("");
  socket.resume();
  await hear("one");
  socket.pause();
  say(" two"); // the read that is under way
  await hear("one two");
  say(" three");
  await sleep(30);
  expect(heard).toBe("one two");
  socket.resume();
  await hear("one two three");
});

test("closes when the other side has hung up, and takes what is written then for lost", async () => {
  const closed = once(socket, "close");
  say("last words");
  socket.resume();
  hangUp();
  await closed;
  expect([heard, socket.destroyed]).toEqual(["last words", true]);
  expect(existsSync(`/proc/self/fd/${fd}`)).toBe(false);
  socket.write(Buffer.from("too late"));
  socket.destroy();
});

test("destroyed while it waits, it stops waiting, and the other side sees the end", async () => {
  const closed = once(socket, "close");
  socket.resume();
  await sleep(20);
  socket.destroy();
  expect(socket.destroyed).toBe(true);
  await closed;
  expect(readSync(other as number, Buffer.alloc(1))).toBe(0);
});

test("destroyed while it does not, it closes too", async () => {
  const closed = once(socket, "close");
  socket.destroy();
  await closed;
  expect(readSync(other as number, Buffer.alloc(1))).toBe(0);
});

test("ended, it still hears the other side out", async () => {
  const closed = once(socket, "close");
  socket.resume();
  await new Promise<void>((resolve) => socket.end(resolve));
  expect(readSync(other as number, Buffer.alloc(1))).toBe(0);
  say("goodbye");
  hangUp();
  await closed;
  expect(heard).toBe("goodbye");
});
