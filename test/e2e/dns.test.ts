/** Names on networks of the user's own: who is found by which name, what is asked elsewhere, and what a crowd gets. */
import { execFileSync } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decode, encode } from "dns-packet";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { AF_INET, bindIpv4, openSocketsIn, SOCK_DGRAM, SOCK_STREAM } from "../../src/kernel/sockets.ts";
import { framed } from "../../src/network/dns/frames.ts";
import { dataOf, type NameClient, openNameClients, rcodeOf } from "../support/name-client.ts";
import { addresses, nameServer } from "../support/name-server.ts";
import { useHost } from "./support/host.ts";

const CONTAINERS = 20;
const QUESTIONS = 10_000;
/** On the host's loopback, where no container comes. */
const HOST_SERVER = "127.0.0.53";
const NXDOMAIN = 3;

const host = useHost();
const { output } = host;
const format = (container: string, template: string): Promise<string> =>
  output("inspect", "-f", template, container);
const addressOf = (container: string, network = "front"): Promise<string> =>
  format(container, `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`);
const sleeper = (name: string, ...flags: string[]): Promise<string> =>
  output("run", "-d", "--name", name, "--stop-timeout", "0", ...flags, "busybox", "sleep", "1000");

const clients: NameClient[] = [];
async function clientsOf(container: string, count = 1): Promise<[NameClient, ...NameClient[]]> {
  const opened = openNameClients(Number(await format(container, "{{.State.Pid}}")), count);
  clients.push(...opened);
  return opened as [NameClient, ...NameClient[]];
}

/** Processes of this tsrun's resolver. */
const resolvers = (): number[] =>
  readdirSync("/proc")
    .filter(
      (name) => /^\d+$/.test(name) && read(`/proc/${name}/cmdline`).startsWith("tsrun network resolver"),
    )
    .filter((name) => read(`/proc/${name}/environ`).includes(`TSRUN_RUN=${host.run}\0`))
    .map(Number);

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it has ended
  }
}

beforeAll(async () => {
  for (const network of ["front", "back"]) await output("network", "create", network);
  await output("network", "create", "--internal", "inside");
  await output("network", "create", "--ipv6", "dual");
});
afterAll(() => output("network", "prune", "-f"));
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
});

describe("a container", () => {
  test("is found by its name, its aliases and its short id, with the network's name or without", async () => {
    await sleeper("asker", "--network", "front");
    const id = await sleeper(
      "Target",
      "--network",
      "front",
      "--network-alias",
      "db",
      "--network-alias",
      "store",
    );
    const address = await addressOf("Target");
    const [client] = await clientsOf("asker");
    for (const name of ["target", "TARGET", "db", "store", id.slice(0, 12), "db.front", "Target.front"])
      expect([name, dataOf(await client.ask(name))]).toEqual([name, [address]]);
    const answer = await client.ask("db");
    expect(answer).toMatchObject({
      flag_ra: true,
      flag_tc: false,
      answers: [{ name: "db", ttl: 600, class: "IN" }],
    });
    expect(await output("exec", "asker", "ping", "-c1", "-W5", "db")).toContain(`PING db (${address})`);
  });

  test("has no IPv6 address where its network has none, and nobody else is asked for it", async () => {
    await using upstream = await nameServer(() => addresses("db", "192.0.2.1"), {
      address: HOST_SERVER,
      port: 53,
    });
    await sleeper("db", "--network", "front", "--dns", HOST_SERVER);
    const [client] = await clientsOf("db");
    for (const type of ["AAAA", "MX", "UNKNOWN_65"]) {
      const answer = await client.ask("db", { type });
      expect([type, rcodeOf(answer), dataOf(answer)]).toEqual([type, "NOERROR", []]);
    }
    expect(upstream.asked).toEqual([]);
  });

  test("is found by both its addresses, and they by its name", async () => {
    await sleeper("asker", "--network", "dual");
    await sleeper("db", "--network", "dual");
    const v4 = await addressOf("db", "dual");
    const v6 = await format("db", '{{(index .NetworkSettings.Networks "dual").GlobalIPv6Address}}');
    const [client] = await clientsOf("asker");
    expect(dataOf(await client.ask("db", { type: "A" }))).toEqual([v4]);
    expect(dataOf(await client.ask("db", { type: "AAAA" }))).toEqual([v6]);
    const reverse = `${v4.split(".").reverse().join(".")}.in-addr.arpa`;
    expect(dataOf(await client.ask(reverse, { type: "PTR" }))).toEqual(["db.dual"]);
    expect(await output("exec", "asker", "nslookup", v6)).toContain("name = db.dual");
  });

  test("is one of several that answer to an alias, each in its turn", async () => {
    await sleeper("asker", "--network", "front");
    const names = ["one", "two", "three"];
    for (const name of names) await sleeper(name, "--network", "front", "--network-alias", "web");
    const all = await Promise.all(names.map((name) => addressOf(name)));
    const [client] = await clientsOf("asker");
    const answers = [];
    for (let turn = 0; turn < 6; turn++) answers.push(dataOf(await client.ask("web")));
    for (const answer of answers) expect([...answer].sort()).toEqual([...all].sort());
    expect(new Set(answers.map(([first]) => first))).toEqual(new Set(all));
  });

  test("is known on the networks that it shares with the asker, and not on the default one", async () => {
    await sleeper("asker", "--network", "front");
    await sleeper("db", "--network", "back");
    await sleeper("gate", "--network", "front", "--network", "back");
    await sleeper("plain");
    const [client] = await clientsOf("asker");
    const [gate] = await clientsOf("gate");
    expect(dataOf(await client.ask("gate"))).toEqual([await addressOf("gate", "front")]);
    expect(dataOf(await gate.ask("db"))).toEqual([await addressOf("db", "back")]);
    expect(dataOf(await gate.ask("asker"))).toEqual([await addressOf("asker", "front")]);
    expect(await output("exec", "plain", "cat", "/etc/resolv.conf")).not.toContain("127.0.0.11");
    expect(
      readFileSync(join(host.root, "containers", await format("asker", "{{.Id}}"), "resolv.conf"), "utf8"),
    ).toMatch(/^nameserver 127\.0\.0\.11\n/);
    for (const name of ["db", "plain"]) expect([name, dataOf(await client.ask(name))]).toEqual([name, []]);
  }, 60_000);

  test("is found from the moment that a command says so, until one says that it is not", async () => {
    await sleeper("asker", "--network", "front");
    const [client] = await clientsOf("asker");
    const seen = async (name: string): Promise<unknown[]> =>
      dataOf(await client.ask(name, { timeoutMs: 6_000 }));
    await sleeper("db", "--network", "front");
    expect(await seen("db")).toEqual([await addressOf("db")]);
    await output("rename", "db", "store");
    expect(await seen("store")).toEqual([await addressOf("store")]);
    expect(await seen("db")).toEqual([]);
    await output("network", "disconnect", "front", "store");
    expect(await seen("store")).toEqual([]);
    await output("network", "connect", "--alias", "db", "front", "store");
    expect(await seen("db")).toEqual([await addressOf("store")]);
    await output("stop", "store");
    expect(await seen("db")).toEqual([]);
    await output("start", "store");
    expect(await seen("db")).toEqual([await addressOf("store")]);
  }, 60_000);

  test("that is connected while it runs finds the others from then on", async () => {
    await sleeper("db", "--network", "front");
    await sleeper("late");
    await output("network", "connect", "front", "late");
    expect(await output("exec", "late", "cat", "/etc/resolv.conf")).toContain("nameserver 127.0.0.11\n");
    const [client] = await clientsOf("late");
    expect(dataOf(await client.ask("db"))).toEqual([await addressOf("db")]);
    expect(await output("exec", "late", "ping", "-c1", "-W5", "db")).toContain("1 packets received");
    await output("network", "disconnect", "front", "late");
    expect(await output("exec", "late", "cat", "/etc/resolv.conf")).not.toContain("127.0.0.11");
  });

  test("that had no network at all finds the others once it is connected", async () => {
    await sleeper("alone", "--network", "none");
    await sleeper("other", "--network", "front");
    await output("network", "disconnect", "none", "alone");
    await output("network", "connect", "front", "alone");
    const [client] = await clientsOf("alone");
    expect(dataOf(await client.ask("other"))).toEqual([await addressOf("other")]);
  });

  test("may serve names itself, at all its addresses", async () => {
    await sleeper("asker", "--network", "front");
    await sleeper("db", "--network", "front");
    const netns = openSync(`/proc/${await format("asker", "{{.State.Pid}}")}/ns/net`, "r");
    const sockets = openSocketsIn(netns, [
      [AF_INET, SOCK_DGRAM, 0],
      [AF_INET, SOCK_STREAM, 0],
    ]);
    try {
      // As programs bind that do not think of others: without SO_REUSEADDR.
      for (const socket of sockets) bindIpv4(socket, "0.0.0.0", 53);
      const [client] = await clientsOf("asker");
      expect(dataOf(await client.ask("db"))).toEqual([await addressOf("db")]);
      expect(dataOf(await overTcp("asker", "db"))).toEqual([await addressOf("db")]);
    } finally {
      for (const fd of [netns, ...sockets]) closeSync(fd);
    }
  });
});

describe("other names", () => {
  test("are asked of --dns, over UDP, or over TCP where the answer is long", async () => {
    const many = Array.from({ length: 60 }, (_, index) => `192.0.2.${index}`);
    await using upstream = await nameServer(
      (query, over) => {
        const name = query.questions?.[0]?.name ?? "";
        if (name === "long.example") return over === "udp" ? { flags: 0x200 } : addresses(name, ...many);
        return name === "web.example" || name === "single"
          ? addresses(name, "192.0.2.7")
          : { flags: NXDOMAIN };
      },
      { address: HOST_SERVER, port: 53 },
    );
    await sleeper("asker", "--network", "front", "--dns", HOST_SERVER);
    const [client] = await clientsOf("asker");
    expect(dataOf(await client.ask("web.example"))).toEqual(["192.0.2.7"]);
    expect(dataOf(await client.ask("single"))).toEqual(["192.0.2.7"]);
    expect(rcodeOf(await client.ask("gone.example"))).toBe("NXDOMAIN");
    expect(await client.ask("long.example")).toMatchObject({ flag_tc: true });
    expect(dataOf(await overTcp("asker", "long.example"))).toEqual(many);
    expect(dataOf(await overTcp("asker", "asker"))).toEqual([await addressOf("asker")]);
    expect(upstream.asked).not.toContain("udp asker");
  });

  test("are asked of the servers that the host has now", async () => {
    const file = join(host.directory, "resolv.conf");
    await using upstream = await nameServer(
      (query) => addresses(query.questions?.[0]?.name ?? "", "192.0.2.7"),
      { address: HOST_SERVER, port: 53 },
    );
    writeFileSync(file, `nameserver 127.0.0.54\nsearch lan.example\noptions edns0\n`);
    execFileSync("mount", ["--bind", file, "/etc/resolv.conf"]);
    try {
      await sleeper("asker", "--network", "front");
      expect(await output("exec", "asker", "cat", "/etc/resolv.conf")).toBe(
        "nameserver 127.0.0.11\nsearch lan.example\noptions edns0 ndots:0",
      );
      const [client] = await clientsOf("asker");
      expect(rcodeOf(await client.ask("web.example"))).toBe("SERVFAIL"); // nobody listens there
      writeFileSync(file, `nameserver ${HOST_SERVER}\n`);
      expect(dataOf(await client.ask("web.example"))).toEqual(["192.0.2.7"]);
      expect(upstream.asked).toEqual(["udp web.example"]);
    } finally {
      execFileSync("umount", ["/etc/resolv.conf"]);
    }
  });

  test("are looked for in the search domains, before anywhere else where --dns-option says so", async () => {
    await using upstream = await nameServer(
      (query) => {
        const [question] = query.questions ?? [];
        return question?.name === "web.corp.example" && question.type === "A"
          ? addresses("web.corp.example", "127.0.0.1")
          : { flags: NXDOMAIN };
      },
      { address: HOST_SERVER, port: 53 },
    );
    const flags = ["--dns", HOST_SERVER, "--dns-search", "corp.example", "--dns-option", "ndots:1"];
    await sleeper("asker", "--network", "front", ...flags);
    expect(await output("exec", "asker", "cat", "/etc/resolv.conf")).toBe(
      "nameserver 127.0.0.11\nsearch corp.example\noptions ndots:1",
    );
    expect(await output("exec", "asker", "ping", "-c1", "-W5", "web")).toContain("1 packets received");
    const [client] = await clientsOf("asker");
    const single = await client.ask("web");
    expect([rcodeOf(single), dataOf(single)]).toEqual(["NOERROR", []]);
    expect(upstream.asked).toContain("udp web.corp.example");
    expect(upstream.asked).not.toContain("udp web");
  });

  test("are nobody's on an internal network: a question would be a way out", async () => {
    await using upstream = await nameServer(
      (query) => addresses(query.questions?.[0]?.name ?? "", "192.0.2.7"),
      { address: HOST_SERVER, port: 53 },
    );
    await sleeper("asker", "--network", "inside", "--dns", HOST_SERVER);
    const [client] = await clientsOf("asker");
    expect(rcodeOf(await client.ask("secret.example"))).toBe("SERVFAIL");
    expect(dataOf(await client.ask("asker"))).toHaveLength(1);
    expect(upstream.asked).toEqual([]);
  });
});

describe("the resolver", () => {
  test(`answers ${QUESTIONS} questions at once from ${CONTAINERS} containers, and is replaced when it is killed`, async () => {
    const names = Array.from({ length: CONTAINERS }, (_, index) => `c${index}`);
    await Promise.all(names.map((name) => sleeper(name, "--network", "front")));
    const known = await Promise.all(names.map((name) => addressOf(name)));
    const all = (await Promise.all(names.map((name) => clientsOf(name, QUESTIONS / CONTAINERS)))).flat();
    /** Which of the clients have not got the right answer. */
    const askAll = async (askers: readonly NameClient[], timeoutMs: number): Promise<NameClient[]> => {
      const answers = await Promise.all(
        askers.map(async (client, index) => {
          const answer = await client.ask(names[index % CONTAINERS] as string, { timeoutMs });
          return dataOf(answer)[0] === known[index % CONTAINERS];
        }),
      );
      return askers.filter((_, index) => !answers[index]);
    };

    expect(resolvers()).toHaveLength(1);
    expect(await askAll(all, 20_000)).toHaveLength(0);

    // What it had just taken from a socket is lost with it; what waits in the sockets is not.
    const [killed = 0] = resolvers();
    const round = askAll(all, 8_000);
    setTimeout(() => process.kill(killed, "SIGKILL"), 50);
    const lost = await round;
    expect(lost.length).toBeLessThan(200);
    expect(await askAll(lost, 10_000)).toHaveLength(0);
    expect(resolvers()).toHaveLength(1);
    expect(resolvers()).not.toContain(killed);
  }, 110_000);

  test("fails nobody for longer than a second when it is killed, or than a slow machine starts it in", async () => {
    const before = performance.now();
    await output("version");
    const starting = performance.now() - before;
    await sleeper("asker", "--network", "front");
    const [client] = await clientsOf("asker");
    expect(dataOf(await client.ask("asker"))).toHaveLength(1);
    for (const pid of resolvers()) process.kill(pid, "SIGKILL");
    const begin = performance.now();
    expect(dataOf(await client.ask("asker"))).toHaveLength(1);
    expect(performance.now() - begin).toBeLessThan(Math.max(1_000, 10 * starting));
  });

  test("is gone with the last container, and there again with the next", async () => {
    await sleeper("one", "--network", "front");
    await expect.poll(resolvers).toHaveLength(1);
    await output("rm", "-f", "one");
    await expect.poll(resolvers).toEqual([]);
    await sleeper("two", "--network", "front");
    await expect.poll(resolvers).toHaveLength(1);
  });
});

/** Asks over TCP from within, by busybox's nc. */
async function overTcp(container: string, name: string) {
  const question = framed(encode({ type: "query", id: 1, flags: 0x100, questions: [{ type: "A", name }] }));
  const script = "{ cat; sleep 1; } | nc 127.0.0.11 53 | od -An -v -tx1";
  const { stdout } = await host.tsrunWith({ input: question }, "exec", "-i", container, "sh", "-c", script);
  return decode(Buffer.from(stdout.replace(/\s/g, ""), "hex").subarray(2));
}
