import { createSocket } from "node:dgram";
import { once } from "node:events";
import { decode, encode, TRUNCATED_RESPONSE } from "dns-packet";
import { describe, expect, test } from "vitest";
import type { Server } from "../../../../src/network/dns/exchange.ts";
import { createForwarders, type Forwarder } from "../../../../src/network/dns/forward.ts";
import { addresses, nameServer } from "../../../support/name-server.ts";

/** Of a container that is alone. */
const createForwarder = (): Forwarder => createForwarders()();

const question = (name: string, id = 1): Buffer =>
  encode({ type: "query", id, flags: 0x100, questions: [{ type: "A", name }] });
const dataOf = (bytes: Buffer | undefined): unknown[] | undefined =>
  bytes && decode(bytes).answers?.map((answer) => "data" in answer && answer.data);
const rcodeOf = (bytes: Buffer | undefined): unknown =>
  bytes && (decode(bytes) as unknown as { rcode: string }).rcode;
const SERVFAIL = 2;
const NXDOMAIN = 3;

/** A port of the loopback on which nobody listens. */
async function closedPort(): Promise<Server> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { address, port } = socket.address();
  socket.close();
  return { address, port };
}

describe("one server", () => {
  test("answers under the client's number, whatever number it was asked under", async () => {
    await using upstream = await nameServer(() => addresses("a.example", "192.0.2.1"));
    const answer = await createForwarder().ask(question("a.example", 4711), [upstream.server], "udp");
    expect(answer?.readUInt16BE(0)).toBe(4711);
    expect(dataOf(answer)).toEqual(["192.0.2.1"]);
  });

  test("is asked without delay for what it refuses; its word is passed on", async () => {
    await using upstream = await nameServer(() => ({ flags: SERVFAIL }));
    const begin = performance.now();
    expect(rcodeOf(await createForwarder().ask(question("a.example"), [upstream.server], "udp"))).toBe(
      "SERVFAIL",
    );
    expect(performance.now() - begin).toBeLessThan(900);
    expect(upstream.asked).toEqual(["udp a.example"]);
  });

  test("that nobody runs is known at once", async () => {
    const begin = performance.now();
    expect(await createForwarder().ask(question("a.example"), [await closedPort()], "udp")).toBeUndefined();
    expect(performance.now() - begin).toBeLessThan(2500); // one that is silent takes longer
  });

  test("whose answer is lost is asked again", async () => {
    let count = 0;
    await using upstream = await nameServer(() =>
      ++count < 2 ? undefined : addresses("a.example", "192.0.2.1"),
    );
    expect(dataOf(await createForwarder().ask(question("a.example"), [upstream.server], "udp"))).toEqual([
      "192.0.2.1",
    ]);
  });

  test("that never answers is given up in time for the client", async () => {
    await using upstream = await nameServer(() => undefined);
    const begin = performance.now();
    expect(await createForwarder().ask(question("a.example"), [upstream.server], "udp")).toBeUndefined();
    expect(performance.now() - begin).toBeLessThan(5000);
    expect(upstream.asked.length).toBeGreaterThan(1);
  }, 10_000);

  test("is not believed answers to other questions", async () => {
    await using upstream = await nameServer((query) => ({
      questions: [{ type: "A", name: "evil.example" }],
      ...addresses("evil.example", "192.0.2.66"),
      id: query.id ?? 0,
    }));
    expect(await createForwarder().ask(question("a.example"), [upstream.server], "udp")).toBeUndefined();
  }, 10_000);
});

describe("over TCP", () => {
  test("what is too long for UDP is whole; a client of UDP is told to come again", async () => {
    const many = Array.from({ length: 100 }, (_, index) => `192.0.2.${index}`);
    await using upstream = await nameServer((_query, over) =>
      over === "udp" ? { flags: TRUNCATED_RESPONSE } : addresses("a.example", ...many),
    );
    const forwarder = createForwarder();
    expect(dataOf(await forwarder.ask(question("a.example"), [upstream.server], "tcp"))).toEqual(many);
    const cut = await forwarder.ask(question("a.example"), [upstream.server], "udp");
    expect(cut && decode(cut)).toMatchObject({ flag_tc: true });
    expect(upstream.asked).toEqual(["udp a.example", "tcp a.example", "udp a.example"]);
  });

  test("servers that speak UDP alone are good enough", async () => {
    await using upstream = await nameServer(() => addresses("a.example", "192.0.2.1"), { tcp: false });
    expect(dataOf(await createForwarder().ask(question("a.example"), [upstream.server], "tcp"))).toEqual([
      "192.0.2.1",
    ]);
  });
});

describe("several servers", () => {
  test("the first that helps is believed; that there is no such name is help", async () => {
    await using broken = await nameServer(() => ({ flags: SERVFAIL }));
    await using knows = await nameServer(() => ({ flags: NXDOMAIN }));
    await using unasked = await nameServer(() => addresses("a.example", "192.0.2.1"));
    const servers = [await closedPort(), broken.server, knows.server, unasked.server];
    expect(rcodeOf(await createForwarder().ask(question("a.example"), servers, "udp"))).toBe("NXDOMAIN");
    expect(unasked.asked).toEqual([]);
  });

  test("a silent one costs a second", async () => {
    await using silent = await nameServer(() => undefined);
    await using knows = await nameServer(() => addresses("a.example", "192.0.2.1"));
    const begin = performance.now();
    expect(
      dataOf(await createForwarder().ask(question("a.example"), [silent.server, knows.server], "udp")),
    ).toEqual(["192.0.2.1"]);
    expect(performance.now() - begin).toBeLessThan(2500);
  });
});

describe("a crowd", () => {
  test("of the same question is one question to the server", async () => {
    await using upstream = await nameServer(() => addresses("a.example", "192.0.2.1"));
    const forwarder = createForwarder();
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, id) =>
        forwarder.ask(question("a.example", id), [upstream.server], "udp"),
      ),
    );
    expect(answers.map((answer) => answer?.readUInt16BE(0))).toEqual(
      Array.from({ length: 200 }, (_, id) => id),
    );
    expect(upstream.asked).toHaveLength(1);
  });

  test("of different questions gets all its answers", async () => {
    await using upstream = await nameServer((query) =>
      addresses(query.questions?.[0]?.name ?? "", "192.0.2.1"),
    );
    const forwarder = createForwarder();
    const names = Array.from({ length: 3000 }, (_, index) => `n${index}.example`);
    const answers = await Promise.all(
      names.map((name) => forwarder.ask(question(name), [upstream.server], "udp")),
    );
    expect(answers.map((answer) => answer && decode(answer).questions?.[0]?.name)).toEqual(names);
  }, 20_000);

  test("a server that asks back what it is asked does not make it go round", async () => {
    const forwarder = createForwarder();
    let back: Promise<Buffer | undefined> | undefined;
    await using upstream = await nameServer((query) => {
      back = forwarder.ask(question(query.questions?.[0]?.name ?? "", query.id), [upstream.server], "udp");
      return undefined;
    });
    expect(await forwarder.ask(question("loop.example"), [upstream.server], "udp")).toBeUndefined();
    expect(await back).toBeUndefined();
    expect(upstream.asked.length).toBeLessThanOrEqual(3);
  }, 10_000);
});

describe("a container that asks for what nobody answers", () => {
  /** Answers what begins with "known" alone. */
  const server = () =>
    nameServer((query) => {
      const name = query.questions?.[0]?.name ?? "";
      return name.startsWith("known") ? addresses(name, "192.0.2.1") : undefined;
    });
  const names = (kind: string, count: number): string[] =>
    Array.from({ length: count }, (_, at) => `${kind}${at}.example`);

  test("does not delay another's questions, many at once or one that waits in its own line too", async () => {
    await using upstream = await server();
    const open = createForwarders();
    const [greedy, other] = [open(), open()];
    const ask = (forwarder: Forwarder, name: string) =>
      forwarder.ask(question(name), [upstream.server], "udp");
    const lost = [...names("silent", 3000), "known0.example"].map((name) => ask(greedy, name));
    const begin = performance.now();
    const answers = await Promise.all(names("known", 200).map((name) => ask(other, name)));
    expect(performance.now() - begin).toBeLessThan(2000);
    expect(answers.map(dataOf)).toEqual(answers.map(() => ["192.0.2.1"]));
    expect(await Promise.race([lost[0], "still open"])).toBe("still open");
    await Promise.all(lost);
  }, 20_000);

  test("is refused what is more than it can have open, alone", async () => {
    await using upstream = await server();
    const open = createForwarders();
    const [greedy, other] = [open(), open()];
    const asked = names("silent", 10_000).map((name) => greedy.ask(question(name), [upstream.server], "udp"));
    expect(await greedy.ask(question("known1.example"), [upstream.server], "udp")).toBeUndefined();
    const begin = performance.now();
    expect(dataOf(await other.ask(question("known1.example"), [upstream.server], "udp"))).toEqual([
      "192.0.2.1",
    ]);
    expect(performance.now() - begin).toBeLessThan(2000);
    await Promise.all(asked);
    expect(dataOf(await greedy.ask(question("known1.example"), [upstream.server], "udp"))).toEqual([
      "192.0.2.1",
    ]);
  }, 20_000);
});
