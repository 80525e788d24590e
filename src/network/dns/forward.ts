/** Questions about anything but containers: they go to the host's name servers, or to those that --dns names. */
import { askDatagram, askStream, type Server } from "./exchange.ts";
import { createLine, type Line, type LineLimits } from "./line.ts";
import { isTruncated, RCODE, rcodeOf, withId } from "./message.ts";

/** What asks for one container. */
export interface Forwarder {
  /**
   * The first good answer of any server, else a refusal that one of them gave; undefined where none answers in time.
   * Over TCP an answer is whole; over UDP it may be cut, which tells the client to come again over TCP.
   */
  ask(query: Buffer, servers: readonly Server[], over: "udp" | "tcp"): Promise<Buffer | undefined>;
}

/** A server that has not answered so soon is asked once more, or the next one is, while the first may still answer. */
const STAGGER = 1_000;
const ATTEMPTS = 3;
/** A libc asks again after 5 seconds by itself: nobody waits longer for this answer. */
const DEADLINE = 4_500;
/**
 * So many questions, of 768 bytes each as the kernel counts, wait in a server's socket of the usual size; more it would
 * lose. Beyond, they wait in line here: one that would be too late is not asked.
 */
const LIMITS: LineLimits = { atOnce: 250, share: 10, most: 1000 };
/** What a container asks beyond is refused: one that does nothing but ask shall not take all memory. */
const MOST_OPEN = 10_000;

/** The server cannot say: another one may. */
const UNHELPFUL: readonly number[] = [RCODE.SERVFAIL, RCODE.NOTIMP, RCODE.REFUSED];

/** Returns what makes a forwarder for each container; none of them has to wait for what others have asked. */
export function createForwarders(): () => Forwarder {
  /** One for each choice of servers: nobody waits for the silence of those that he has not named. */
  const lines = new Map<string, Line>();
  /**
   * What is being asked already is not asked again. That spares servers a crowd's questions; and where a server asks
   * those who ask it, a container with itself as --dns perhaps, the question goes round once and not for ever.
   */
  const asking = new Map<string, Promise<Buffer | undefined>>();

  /** In the asker's turn, unless somebody asks the same at this moment. */
  async function forward(asker: object, question: Question): Promise<Buffer | undefined> {
    const targets = question.servers.map(({ address, port }) => `${address} ${port}`).join();
    const key = `${question.over} ${targets} ${question.query.toString("latin1", 2)}`;
    const shared = asking.get(key);
    if (shared !== undefined) return await shared;
    const since = performance.now();
    const line = lines.get(targets) ?? createLine(LIMITS);
    lines.set(targets, line);
    const leave = await line.turn(asker);
    try {
      if (performance.now() - since >= DEADLINE) return undefined;
      const answer = asking.get(key) ?? askAll(question).finally(() => asking.delete(key));
      asking.set(key, answer);
      return await answer;
    } finally {
      leave();
    }
  }

  return () => {
    const asker = {};
    let open = 0;
    return {
      async ask(query, servers, over) {
        if (open >= MOST_OPEN) return undefined;
        open++;
        const bytes = await forward(asker, { query, servers, over }).finally(() => open--);
        return bytes && withId(bytes, query.readUInt16BE(0));
      },
    };
  };
}

interface Question {
  query: Buffer;
  servers: readonly Server[];
  over: "udp" | "tcp";
}

/** Asks one server after the other, each sooner where the one before has refused. */
function askAll({ query, servers, over }: Question): Promise<Buffer | undefined> {
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  const useless = new Set<Server>();
  const attempts = Array.from(
    { length: Math.max(ATTEMPTS, servers.length) },
    (_, index) => servers[index % servers.length],
  );
  let refusal: Buffer | undefined;
  let open = 0;
  let timer: NodeJS.Timeout | undefined;

  function next(): void {
    clearTimeout(timer);
    let server = attempts.shift();
    while (server !== undefined && useless.has(server)) server = attempts.shift();
    if (server === undefined) {
      if (open === 0) resolve(refusal);
      return;
    }
    const asked = server;
    open++;
    if (attempts.length > 0) timer = setTimeout(next, STAGGER);
    askServer(query, asked, { over, signal: controller.signal })
      .then((answer) => {
        open--;
        if (!UNHELPFUL.includes(rcodeOf(answer))) return resolve(answer);
        refusal = answer;
        useless.add(asked);
        next();
      })
      .catch(() => {
        open--;
        useless.add(asked);
        next();
      });
  }

  const deadline = setTimeout(() => resolve(refusal), DEADLINE);
  next();
  return promise.finally(() => {
    clearTimeout(timer);
    clearTimeout(deadline);
    attempts.length = 0;
    controller.abort();
  });
}

/** Over UDP first in either case: not every server speaks TCP. */
async function askServer(
  query: Buffer,
  server: Server,
  { over, signal }: { over: "udp" | "tcp"; signal: AbortSignal },
): Promise<Buffer> {
  const answer = await askDatagram(query, server, signal);
  if (over === "udp" || !isTruncated(answer)) return answer;
  return await askStream(query, server, signal);
}
