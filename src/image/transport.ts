/** One HTTP request to a registry: redirects, stalled connections, and what went wrong in words. Statuses are not judged. */
import { on } from "node:events";
import { Readable } from "node:stream";
import type { Config } from "../config.ts";
import { TsrunError } from "../errors.ts";
import { type Agents, createAgents } from "./agents.ts";
import { DEFAULT_POLICY, type RetryPolicy } from "./retry.ts";
import { userAgent } from "./user-agent.ts";

export interface HttpRequest {
  method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  headers?: Record<string, string>;
  /** A function begins a long one anew for each attempt; its length is in the headers. */
  body?: string | Buffer | (() => AsyncIterable<Uint8Array>);
  /** How long an answer may take, after the last piece of a long body; the policy's `stallMs` by default. */
  patienceMs?: number;
  /** Does not verify certificates of the request's own host. */
  insecure?: boolean;
  signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  /** Of the last redirect. */
  url: string;
  status: number;
  headers: { get(name: string): string | null };
  /** To be read with `chunksOf`, or destroyed. */
  body: Readable;
}

export interface Transport extends Disposable {
  request(url: string, request?: HttpRequest): Promise<HttpResponse>;
  readonly policy: RetryPolicy;
}

/** A connection that no byte came over for `stallMs`. */
export class StallError extends Error {
  readonly code = "ESTALLED";

  constructor(url: string, stallMs: number) {
    super(`no data from ${new URL(url).host} for ${Math.round(stallMs / 1000)} s`);
    this.name = "StallError";
  }
}

/** A body that was closed before its end, by whoever. */
class PrematureCloseError extends Error {
  readonly code = "ERR_STREAM_PREMATURE_CLOSE";
  override readonly message = "the connection was closed early";
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const REDIRECT_LIMIT = 10;

/** Codes that say that a certificate's authority is unknown (verify(1ssl)). */
const UNKNOWN_AUTHORITY = new Set([
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
]);

/** Opens the connections of one pull; dispose of it to close them. */
export function createTransport(config: Config, policy: RetryPolicy = DEFAULT_POLICY): Transport {
  const agents = createAgents(config);
  return {
    policy,
    request: (url, request = {}) => follow(url, request, { agents, policy }),
    [Symbol.dispose]: () => agents[Symbol.dispose](),
  };
}

/** The bytes of a body as they come; a reader that is slow does not count as a stalled connection. */
export async function* chunksOf({ body, url }: HttpResponse, stallMs: number): AsyncGenerator<Uint8Array> {
  let timer: NodeJS.Timeout | undefined;
  let last: NodeJS.Immediate | undefined;
  const giveUp = () => body.destroy(new StallError(url, stallMs));
  // Where this process itself stood still (a busy thread, a laptop that slept), the time is over before what has
  // arrived meanwhile was read: that comes first.
  const watch = () => {
    timer = setTimeout(() => {
      last = setImmediate(giveUp);
    }, stallMs);
  };
  const stop = () => {
    clearTimeout(timer);
    clearImmediate(last);
  };
  watch();
  try {
    for await (const chunk of piecesOf(body)) {
      stop();
      yield chunk;
      watch();
    }
  } finally {
    stop();
    body.destroy();
  }
}

/**
 * The body's own pieces. Its iterator would copy together what has come meanwhile, and leave the pieces to be collected.
 */
async function* piecesOf(body: Readable): AsyncGenerator<Uint8Array> {
  if (!body.closed) {
    const pieces = on(body, "data", { close: ["end", "close"], highWaterMark: 1, lowWaterMark: 1 });
    for await (const [piece] of pieces) yield piece as Uint8Array;
  }
  if (!body.readableEnded) throw body.errored ?? new PrematureCloseError();
}

/** A URL as users may see it: the query of one for a CDN is a signature that anybody can download with. */
export function shown(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

interface Context {
  agents: Agents;
  policy: RetryPolicy;
}

async function follow(url: string, request: HttpRequest, context: Context): Promise<HttpResponse> {
  let current = url;
  let headers = request.headers ?? {};
  for (let redirects = 0; ; redirects++) {
    const insecure = (request.insecure ?? false) && new URL(current).host === new URL(url).host;
    const response = await send(current, { ...request, headers, insecure }, context);
    const location = REDIRECTS.has(response.status) ? response.headers.get("location") : null;
    if (location === null) return response;
    response.body.destroy();
    if (redirects === REDIRECT_LIMIT) {
      throw new TsrunError(
        "ERR_TSRUN_REGISTRY_FAILED",
        `more than ${REDIRECT_LIMIT} redirects from ${shown(url)}`,
      );
    }
    const next = new URL(location, current);
    if (next.protocol !== "https:" && next.protocol !== "http:")
      throw new TsrunError(
        "ERR_TSRUN_REGISTRY_FAILED",
        `${new URL(current).host} redirects to what is no HTTP: ${next.protocol}`,
      );
    // Credentials are for the origin they were given for, never for where it points (a CDN, an attacker's host).
    if (next.origin !== new URL(current).origin) {
      headers = withoutAuthorization(headers);
      // A form may hold some too: a refresh token.
      if (typeof request.body === "string")
        throw new TsrunError("ERR_TSRUN_REGISTRY_FAILED", `${shown(url)} redirects a form to ${next.origin}`);
    }
    current = next.href;
  }
}

async function send(url: string, request: HttpRequest, context: Context): Promise<HttpResponse> {
  try {
    return await sendOnce(url, request, context);
  } catch (error) {
    if (!UNKNOWN_AUTHORITY.has((error as NodeJS.ErrnoException).code ?? "") || !context.agents.trustSystem())
      throw error;
    return await sendOnce(url, request, context);
  }
}

async function sendOnce(
  url: string,
  request: HttpRequest,
  { agents, policy }: Context,
): Promise<HttpResponse> {
  const { default: fetch } = await import("node-fetch");
  const { method = "GET", headers = {}, body, insecure = false, signal } = request;
  const { patienceMs = policy.stallMs } = request;
  const stalled = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let isAnswered = false;
  const wait = (ms: number) => {
    clearTimeout(timer);
    if (!isAnswered) timer = setTimeout(() => stalled.abort(new StallError(url, ms)), ms);
  };
  const isLong = typeof body === "function";
  wait(isLong ? policy.stallMs : patienceMs);
  try {
    const response = await fetch(url, {
      method,
      headers: { "User-Agent": userAgent(), ...headers },
      ...(body === undefined ? {} : { body: isLong ? streamed(body(), wait, { policy, patienceMs }) : body }),
      agent: await agents.get(new URL(url), insecure),
      redirect: "manual",
      // A layer's gzip is the layer's own, not the transfer's: it must arrive as its digest was taken.
      compress: false,
      signal: signal === undefined ? stalled.signal : AbortSignal.any([stalled.signal, signal]),
    });
    return { url, status: response.status, headers: response.headers, body: response.body as Readable };
  } catch (error) {
    signal?.throwIfAborted();
    if (stalled.signal.aborted) throw stalled.signal.reason;
    // "request to https://… failed, reason: …"; the stack, which --debug shows, repeats it.
    if (error instanceof Error) {
      const { message, stack } = error;
      const redacted = (words: string) => words.replaceAll(new URL(url).href, shown(url));
      error.message = redacted(message);
      if (stack !== undefined) error.stack = redacted(stack);
    }
    throw error;
  } finally {
    isAnswered = true;
    clearTimeout(timer);
  }
}

/** A body as it is sent: each piece that the connection takes shows that it lives. */
function streamed(
  source: AsyncIterable<Uint8Array>,
  wait: (ms: number) => void,
  { policy, patienceMs }: { policy: RetryPolicy; patienceMs: number },
): Readable {
  const watched = async function* () {
    for await (const piece of source) {
      wait(policy.stallMs);
      yield piece;
    }
    wait(patienceMs);
  };
  return Readable.from(watched(), { objectMode: false });
}

function withoutAuthorization(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.toLowerCase() !== "authorization"),
  );
}
