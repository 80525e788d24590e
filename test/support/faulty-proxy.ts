/** A registry's worst days: a proxy in front of one that breaks, stalls, corrupts, limits and asks for tokens. */
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Fault =
  /** The connection is cut after so many bytes of the body. */
  | { kind: "break"; after: number }
  /** Nothing more comes after so many bytes. */
  | { kind: "stall"; after: number }
  /** One byte of the body is flipped. */
  | { kind: "corrupt"; at: number }
  /** The Range header is not passed on: all bytes come. */
  | { kind: "ignoreRange" }
  /** Content-Length is off by so many bytes. */
  | { kind: "lie"; by: number }
  /** After the last byte come others, for ever, without a Content-Length. */
  | { kind: "endless" }
  | { kind: "answer"; status: number; headers?: Record<string, string>; body?: string };

export interface SeenRequest {
  method: string;
  /** Path and query. */
  url: string;
  headers: IncomingMessage["headers"];
}

export interface FaultyProxy {
  url: string;
  host: string;
  /** Everything that was asked, the token service included. */
  seen: SeenRequest[];
  /** Decides each request's fault. */
  fault: (request: SeenRequest) => Fault | undefined;
  /** Has requests need a token from the proxy's own service, which may want a user; each lasts for `uses` requests. */
  bearer: { user?: string; password?: string; uses?: number } | undefined;
  /** Has requests need basic authentication. */
  basic: { user: string; password: string } | undefined;
  stop(): Promise<void>;
}

/** Starts a proxy on loopback before the server at `upstream`. */
export async function startFaultyProxy(upstream: string): Promise<FaultyProxy> {
  const uses = new Map<string, number>();
  const server = createServer((incoming, outgoing) => {
    const seen = { method: incoming.method ?? "", url: incoming.url ?? "", headers: incoming.headers };
    proxy.seen.push(seen);
    if (seen.url.startsWith("/token")) return giveToken(seen, outgoing);
    if (!isAllowed(seen, outgoing)) return;
    const fault = proxy.fault(seen);
    if (fault?.kind === "answer") return void outgoing.writeHead(fault.status, fault.headers).end(fault.body);
    forward(seen, outgoing, fault);
  });

  function isAllowed({ headers }: SeenRequest, outgoing: ServerResponse): boolean {
    if (proxy.bearer !== undefined) {
      const token = headers.authorization?.replace(/^Bearer /, "") ?? "";
      const left = uses.get(token) ?? 0;
      uses.set(token, left - 1);
      if (left > 0) return true;
      const scope = "repository:from/challenge:pull";
      outgoing.setHeader(
        "WWW-Authenticate",
        `Bearer realm="${proxy.url}/token",service="the service",scope="${scope}"`,
      );
    } else if (proxy.basic !== undefined) {
      if (headers.authorization === basicHeader(proxy.basic.user, proxy.basic.password)) return true;
      outgoing.setHeader("WWW-Authenticate", 'Basic realm="test"');
    } else return true;
    outgoing.writeHead(401).end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
    return false;
  }

  function giveToken({ headers }: SeenRequest, outgoing: ServerResponse): void {
    const { user, password, uses: limit = 1000 } = proxy.bearer ?? {};
    if (user !== undefined && headers.authorization !== basicHeader(user, password ?? "")) {
      return void outgoing.writeHead(401).end('{"details":"incorrect username or password"}');
    }
    const token = `token-${uses.size}`;
    uses.set(token, limit);
    outgoing.end(JSON.stringify({ token, expires_in: 300 }));
  }

  function forward(
    { method, url, headers }: SeenRequest,
    outgoing: ServerResponse,
    fault: Fault | undefined,
  ): void {
    const { authorization: _, range, ...rest } = headers;
    const passed = range === undefined || fault?.kind === "ignoreRange" ? rest : { ...rest, range };
    request(
      new URL(url, upstream),
      { method, headers: { ...passed, host: new URL(upstream).host } },
      (response) => {
        outgoing.writeHead(response.statusCode ?? 502, headersOf(response, fault));
        let sent = 0;
        response.on("data", (chunk: Buffer) => {
          const bytes = Buffer.from(chunk);
          if (fault?.kind === "corrupt" && fault.at >= sent && fault.at < sent + bytes.length) {
            bytes.writeUInt8(bytes.readUInt8(fault.at - sent) ^ 0xff, fault.at - sent);
          }
          const left =
            fault?.kind === "break" || fault?.kind === "stall"
              ? Math.max(fault.after - sent, 0)
              : bytes.length;
          sent += bytes.length;
          if (left > 0) outgoing.write(bytes.subarray(0, left));
          if (left >= bytes.length) return;
          response.destroy();
          // What was written leaves before the connection ends.
          if (fault?.kind === "break") setTimeout(() => outgoing.destroy(), 20);
        });
        response.on("end", () => {
          if (fault?.kind === "endless") writeOn(outgoing);
          // More was announced than there is: the client would wait for it for ever.
          else if (fault?.kind === "lie" && fault.by > 0) setTimeout(() => outgoing.destroy(), 20);
          else outgoing.end();
        });
      },
    ).end();
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy: FaultyProxy = {
    url: `http://${host}`,
    host,
    seen: [],
    fault: () => undefined,
    bearer: undefined,
    basic: undefined,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return proxy;
}

function headersOf({ headers }: IncomingMessage, fault: Fault | undefined): IncomingMessage["headers"] {
  const { "content-length": length, ...rest } = headers;
  if (fault?.kind === "endless" || length === undefined) return rest;
  return { ...rest, "content-length": String(Number(length) + (fault?.kind === "lie" ? fault.by : 0)) };
}

/** Zeros, as fast as they are taken, until the client has had enough. */
function writeOn(outgoing: ServerResponse): void {
  const zeros = Buffer.alloc(64 * 1024);
  const more = (): void => {
    while (!outgoing.destroyed && outgoing.write(zeros));
  };
  outgoing.on("drain", more);
  more();
}

function basicHeader(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}
