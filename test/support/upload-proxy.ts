/** A proxy in front of a registry through which pushes go wrong: it cuts, refuses, limits and asks who is there. */
import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";

export interface SeenUpload {
  method: string;
  /** Path and query. */
  url: string;
  headers: IncomingHttpHeaders;
}

export type UploadFault =
  /**
   * The client's connection ends after so many bytes of its body. The registry has got them and keeps them ("part"),
   * or none of them because the proxy waits for whole requests ("none"), or what came of a broken connection ("torn").
   */
  | { kind: "cut"; after: number; kept: "part" | "none" | "torn" }
  /** The request gets through, its answer does not. */
  | { kind: "deafen" }
  /** Nothing is answered, and nothing ends. */
  | { kind: "silence" }
  | { kind: "answer"; status: number; body?: string; headers?: Record<string, string> };

export interface UploadProxy {
  /** "127.0.0.1:40123" */
  host: string;
  seen: SeenUpload[];
  /** Decides each request's fault, before any of its body has come. */
  fault: (request: SeenUpload) => UploadFault | undefined;
  /** Where uploads are sent on to: another proxy's host. */
  uploadsTo: string | undefined;
  /** Wants this Authorization header. */
  authorization: { header: string; challenge: string } | undefined;
  stop(): Promise<void>;
}

export async function startUploadProxy(upstream: string): Promise<UploadProxy> {
  /** The query that the registry knows an upload's last state by, by the upload's path. */
  const states = new Map<string, string>();
  const server = createServer(
    (incoming, outgoing) => void serve(incoming, outgoing).catch(() => outgoing.destroy()),
  );

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const seen = { method: incoming.method ?? "", url: incoming.url ?? "", headers: incoming.headers };
    proxy.seen.push(seen);
    const { authorization } = proxy;
    if (authorization !== undefined && seen.headers.authorization !== authorization.header) {
      const headers = { "WWW-Authenticate": authorization.challenge };
      return answer(outgoing, {
        status: 401,
        headers,
        body: errorBody("UNAUTHORIZED", "authentication required"),
      });
    }
    const fault = proxy.fault(seen);
    if (fault?.kind === "answer") return answer(outgoing, fault);
    if (fault?.kind === "silence") return;
    if (fault?.kind === "cut" && fault.kept === "torn") return tear(incoming, seen, fault.after);
    const body = await bodyOf(incoming, fault?.kind === "cut" ? fault.after : Number.POSITIVE_INFINITY);
    if (fault?.kind === "cut") {
      if (fault.kept === "part") await forward(seen, body);
      return void incoming.socket.destroy();
    }
    const { response, body: text } = await forward(seen, body);
    if (fault?.kind === "deafen") return void incoming.socket.destroy();
    outgoing.writeHead(response.statusCode ?? 502, response.headers).end(text);
  }

  function answer(
    outgoing: ServerResponse,
    { status, headers, body }: Omit<UploadFault & { kind: "answer" }, "kind">,
  ) {
    outgoing.writeHead(status, { Connection: "close", ...headers }).end(body);
  }

  /** Passes a whole request on, by what the registry knows of the upload now. */
  async function forward(
    { method, url, headers }: SeenUpload,
    body: Buffer,
  ): Promise<{ response: IncomingMessage; body: Buffer }> {
    const start = Number(/^(\d+)-/.exec(headers["content-range"] ?? "")?.[1] ?? Number.NaN);
    const range = Number.isNaN(start) ? {} : { "content-range": `${start}-${start + body.length - 1}` };
    const length = body.length > 0 || method !== "GET" ? { "content-length": `${body.length}` } : {};
    const target = new URL(url, upstream);
    const state = states.get(target.pathname);
    if (state !== undefined && target.searchParams.has("_state")) target.searchParams.set("_state", state);
    const call = request(target, { method, headers: { ...headers, host: proxy.host, ...range, ...length } });
    call.end(body);
    const [response] = (await once(call, "response")) as [IncomingMessage];
    remember(response);
    return { response, body: await bodyOf(response) };
  }

  function remember({ headers }: IncomingMessage): void {
    if (headers.location === undefined) return;
    const location = new URL(headers.location, upstream);
    const state = location.searchParams.get("_state");
    if (state !== null) states.set(location.pathname, state);
    if (proxy.uploadsTo !== undefined) location.host = proxy.uploadsTo;
    headers.location = location.href;
  }

  /** Passes the beginning of a request on, and ends both connections. */
  async function tear(
    incoming: IncomingMessage,
    { method, url, headers }: SeenUpload,
    after: number,
  ): Promise<void> {
    const call = request(new URL(url, upstream), { method, headers: { ...headers, host: proxy.host } });
    call.on("error", () => {});
    await new Promise((done) => void bodyOf(incoming, after).then((body) => call.write(body, done)));
    call.destroy();
    incoming.socket.destroy();
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy: UploadProxy = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    fault: () => undefined,
    uploadsTo: undefined,
    authorization: undefined,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return proxy;
}

export const errorBody = (code: string, message: string): string =>
  JSON.stringify({ errors: [{ code, message }] });

/** The first bytes of a body, at most `limit`; the rest stays with the sender. */
async function bodyOf(message: IncomingMessage, limit = Number.POSITIVE_INFINITY): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of message.iterator({ destroyOnReturn: false })) {
    pieces.push(piece as Buffer);
    size += (piece as Buffer).length;
    if (size >= limit) break;
  }
  return Buffer.concat(pieces).subarray(0, limit);
}
