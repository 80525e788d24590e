/** The client's half of the conversation, held with a monitor that the test plays. */
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  dataFrame,
  FRAME,
  FRAME_MAX,
  frameParser,
  numberFrame,
  STDIN_WINDOW,
} from "../../../src/runtime/frames.ts";
import { connectMonitor, MonitorClient } from "../../../src/runtime/monitor-client.ts";

let directory: string;
let server: Server;
let monitor: Socket;
let client: MonitorClient;
let heard: { type: number; payload: Buffer }[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "tsrun-client-"));
  heard = [];
  server = createServer();
  server.on("connection", (socket) => {
    monitor = socket.on("error", () => {});
    socket.on(
      "data",
      frameParser((type, payload) => heard.push({ type, payload: Buffer.from(payload) })),
    );
  });
  server.listen(join(directory, "attach.sock"));
  await once(server, "listening");
  const socket = connect(join(directory, "attach.sock"));
  await Promise.all([once(socket, "connect"), once(server, "connection")]);
  client = new MonitorClient(socket);
});

afterEach(() => {
  client.detach();
  monitor.destroy();
  server.close();
  rmSync(directory, { recursive: true });
});

const say = (type: number, ...numbers: number[]): boolean => monitor.write(numberFrame(type, ...numbers));
const show = (type: number, data: string): boolean => monitor.write(dataFrame(type, Buffer.from(data)));
/** What has been heard, once there is as much as expected. */
async function hear(count: number): Promise<typeof heard> {
  for (let tries = 0; heard.length < count && tries < 200; tries++) await sleep(5);
  return heard;
}

test("a whole life: start, output of both kinds, end", async () => {
  say(FRAME.started, 4711);
  show(FRAME.stdout, "out\n");
  show(FRAME.stderr, "err\n");
  say(FRAME.exited, 137, 1);
  monitor.end();
  expect(await client.started).toBe(4711);
  expect(await Promise.all([text(client.stdout), text(client.stderr)])).toEqual(["out\n", "err\n"]);
  expect(await client.exited).toEqual({ exitCode: 137, oomKilled: true });
  await client.closed;
});

test("a step that failed", async () => {
  say(FRAME.failed, 14, 1, 99);
  expect(await client.started).toEqual({ step: 14, errno: 1, pid: 99 });
});

describe("a monitor that goes without a word", () => {
  test("rejects what was still to come and ends the streams", async () => {
    monitor.destroy();
    const died = expect.objectContaining({ code: "ERR_TSRUN_MONITOR_DIED" });
    await expect(client.started).rejects.toEqual(died);
    await expect(client.exited).rejects.toEqual(died);
    expect(await text(client.stdout)).toBe("");
  });

  test("does not take back what it said", async () => {
    say(FRAME.started, 1);
    say(FRAME.exited, 3, 0);
    await client.exited;
    monitor.destroy();
    await client.closed;
    expect(await client.started).toBe(1);
    expect((await client.exited).exitCode).toBe(3);
  });
});

test("a wait is gone on from at once, unless somebody wants to look", async () => {
  say(FRAME.waiting, 5, 10);
  expect((await hear(1)).map(({ type }) => type)).toEqual([FRAME.continue]);
  const looked: number[][] = [];
  client.onWaiting = (step, pid) => void looked.push([step, pid]);
  say(FRAME.waiting, 6, 11);
  say(FRAME.started, 11);
  await client.started;
  expect(looked).toEqual([[6, 11]]);
  client.goOn();
  expect((await hear(2)).length).toBe(2);
});

test("requests are the frames of their names", async () => {
  client.resize(24, 80);
  client.signal(15);
  client.acknowledge();
  client.stdin.end();
  const numbers = (await hear(4)).map(({ type, payload }) => [
    type,
    ...Array.from({ length: payload.length / 4 }, (_, index) => payload.readUInt32LE(index * 4)),
  ]);
  expect(numbers).toEqual([[FRAME.resize, 24, 80], [FRAME.signal, 15], [FRAME.ack], [FRAME.closeStdin]]);
});

describe("stdin", () => {
  const bytes = (): number =>
    heard.filter(({ type }) => type === FRAME.stdin).reduce((sum, { payload }) => sum + payload.length, 0);

  test("goes no further than the credit, and on with each that comes; its end comes last", async () => {
    const input = Buffer.alloc(STDIN_WINDOW + 100_000, "x");
    client.stdin.end(input);
    await hear(2);
    await sleep(20);
    expect(bytes()).toBe(STDIN_WINDOW);
    // What is said meanwhile is not held up by it.
    client.signal(2);
    expect((await hear(3)).at(-1)?.type).toBe(FRAME.signal);
    say(FRAME.credit, 50_000);
    say(FRAME.credit, 50_000);
    for (let tries = 0; heard.at(-1)?.type !== FRAME.closeStdin && tries < 200; tries++) await sleep(5);
    expect(bytes()).toBe(input.length);
    expect(heard.at(-1)?.type).toBe(FRAME.closeStdin);
    for (const { payload } of heard) expect(payload.length).toBeLessThanOrEqual(FRAME_MAX);
  });

  test("that is still waiting for credit does not outlive the monitor", async () => {
    const written = new Promise((resolve) => client.stdin.write(Buffer.alloc(STDIN_WINDOW + 1), resolve));
    await hear(2);
    monitor.destroy();
    expect(await written).toBeInstanceOf(Error);
  });
});

describe("output that nobody reads", () => {
  const flood = (): void => {
    for (let count = 0; count < 40; count++) show(FRAME.stdout, "y".repeat(FRAME_MAX));
  };

  test("is left in the socket, so that the process is held up and not the memory filled", async () => {
    flood();
    say(FRAME.exited, 0, 0);
    expect(await Promise.race([client.exited, sleep(50, "held up")])).toBe("held up");
    expect(client.stdout.readableLength).toBeLessThan(20 * FRAME_MAX);
    client.ignoreOutput();
    expect((await client.exited).exitCode).toBe(0);
  });

  test("of a stream that was destroyed holds up nothing", async () => {
    client.stderr.resume();
    client.stdout.once("data", () => client.stdout.destroy());
    flood();
    say(FRAME.exited, 5, 0);
    expect((await client.exited).exitCode).toBe(5);
  });

  test("of one that was paused when it was destroyed, neither", async () => {
    flood();
    say(FRAME.exited, 6, 0);
    expect(await Promise.race([client.exited, sleep(50, "held up")])).toBe("held up");
    client.stdout.destroy();
    expect((await client.exited).exitCode).toBe(6);
  });
});

describe("connectMonitor", () => {
  test("reaches a socket whose path is longer than a socket's address", async () => {
    const deep = join(directory, "d".repeat(100), "e".repeat(100));
    mkdirSync(deep, { recursive: true });
    const before = process.cwd();
    const inside = createServer();
    try {
      process.chdir(deep);
      inside.listen("attach.sock");
      await once(inside, "listening");
    } finally {
      process.chdir(before);
    }
    const accepted = once(inside, "connection");
    const far = await connectMonitor(deep);
    const [socket] = (await accepted) as [Socket];
    socket.write(numberFrame(FRAME.exited, 9, 0));
    expect((await far.exited).exitCode).toBe(9);
    far.detach();
    socket.destroy();
    inside.close();
  });

  test("says what the system said where no monitor listens", async () => {
    await expect(connectMonitor(join(directory, "none"))).rejects.toMatchObject({ code: "ENOENT" });
    mkdirSync(join(directory, "empty"));
    await expect(connectMonitor(join(directory, "empty"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("output without streams", () => {
  test("arrives in pieces, also what came before anybody asked, and ends", async () => {
    say(FRAME.started, 1);
    show(FRAME.stdout, "early ");
    await client.started;
    await sleep(20);
    const pieces: string[] = [];
    const read = client.readOutput(async (from, data) => void pieces.push(`${from}: ${data}`));
    show(FRAME.stderr, "late");
    say(FRAME.exited, 0, 0);
    await read;
    expect(pieces.sort()).toEqual(["stderr: late", "stdout: early "]);
  });

  test("is read no faster than it is taken", async () => {
    const { promise: taken, resolve: take } = Promise.withResolvers<void>();
    let size = 0;
    const read = client.readOutput(async (_from, data) => {
      size += data.length;
      await taken;
    });
    const block = "x".repeat(FRAME_MAX);
    for (let count = 0; count < 64; count++) show(FRAME.stdout, block);
    await expect.poll(() => size).toBe(FRAME_MAX);
    await sleep(50);
    expect(size).toBe(FRAME_MAX);
    expect(monitor.writableLength).toBeGreaterThan(0);
    take();
    say(FRAME.exited, 0, 0);
    await read;
    expect(size).toBe(64 * FRAME_MAX);
  });

  test("fails as its taker does, and holds up nothing from then on", async () => {
    const read = client.readOutput(() => Promise.reject(new Error("nobody reads")));
    for (let count = 0; count < 64; count++) show(FRAME.stdout, "x".repeat(FRAME_MAX));
    say(FRAME.exited, 5, 0);
    await expect(read).rejects.toThrow("nobody reads");
    expect((await client.exited).exitCode).toBe(5);
  });

  test("that has ended when it is asked for is complete", async () => {
    show(FRAME.stdout, "all");
    say(FRAME.exited, 0, 0);
    await client.exited;
    let output = "";
    await client.readOutput(async (_from, data) => {
      output += data;
    });
    expect(output).toBe("all");
  });

  test("goes through a stream that somebody has asked for before", async () => {
    expect(client.stdout.destroyed).toBe(false);
    show(FRAME.stdout, "all");
    say(FRAME.exited, 0, 0);
    let output = "";
    await client.readOutput(async (_from, data) => {
      output += data;
    });
    expect(output).toBe("all");
  });
});
