/** A registry with a name and a certificate of a private authority, reached through a proxy for HTTPS (CONNECT). */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";

export interface TlsRegistry {
  /** A name that no resolver knows: only the proxy leads to it. */
  host: string;
  /** PEM file of its self-signed certificate. */
  certificate: string;
  /** PEM files of a client that it knows, "a client". */
  client: { certificate: string; key: string };
  /** Lets in nobody else from now on. */
  requireClient(): void;
  /** Who came with a certificate that it knows. */
  clients: string[];
  proxyUrl: string;
  /** What was asked of the proxy: "registry.example:443". */
  tunnels: string[];
  /** The Proxy-Authorization headers that came with it. */
  authorizations: (string | undefined)[];
  stop(): Promise<void>;
}

/**
 * Puts TLS and a proxy before the registry at `upstream`; keys and certificates are made in `directory`.
 *
 * @param host a name that no resolver here knows
 */
export async function startTlsRegistry(
  upstream: string,
  directory: string,
  host = "registry.example",
): Promise<TlsRegistry> {
  const { key, certificate } = selfSigned(directory, "server", { name: host });
  const client = selfSigned(directory, "client", { name: "a client" });
  const clients: string[] = [];
  let onlyClients = false;

  const { hostname, port } = new URL(upstream);
  const identity = { key: readFileSync(key), cert: readFileSync(certificate) };
  const asking = { ca: readFileSync(client.certificate), requestCert: true, rejectUnauthorized: false };
  const tls = createTlsServer({ ...identity, ...asking }, (socket) => {
    if (socket.authorized) clients.push(String(socket.getPeerCertificate().subject.CN));
    else if (onlyClients) return socket.destroy();
    const registry = connect(Number(port), hostname);
    socket.on("error", () => registry.destroy()).pipe(registry);
    registry.on("error", () => socket.destroy()).pipe(socket);
  });
  tls.on("tlsClientError", () => {});
  await listening(tls);

  const tunnels: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const proxy: Server = createServer().on("connect", (asked, socket) => {
    tunnels.push(asked.url ?? "");
    authorizations.push(asked.headers["proxy-authorization"]);
    const target = connect((tls.address() as AddressInfo).port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      socket.on("error", () => target.destroy()).pipe(target);
      target.on("error", () => socket.destroy()).pipe(socket);
    });
  });
  await listening(proxy);
  // A tunnel outlives what was asked through it, and a server waits for all of its connections.
  const sockets = new Set<Socket>();
  for (const server of [proxy, tls]) server.on("connection", (socket: Socket) => void sockets.add(socket));
  return {
    host,
    certificate,
    client,
    clients,
    requireClient() {
      onlyClients = true;
    },
    proxyUrl: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    tunnels,
    authorizations,
    async stop() {
      proxy.close();
      tls.close();
      for (const socket of sockets) socket.destroy();
      await Promise.all([once(proxy, "close"), once(tls, "close")]);
    },
  };
}

/** A key and the certificate of a name, signed by itself, as PEM files. */
export function selfSigned(directory: string, file: string, { name }: { name: string }) {
  const [key, certificate] = [join(directory, `${file}-key.pem`), join(directory, `${file}-cert.pem`)];
  const request = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "2",
  ];
  const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name.replace(" ", "-")}`];
  execFileSync("openssl", [...request, ...subject, "-keyout", key, "-out", certificate], { stdio: "pipe" });
  return { key, certificate };
}

async function listening(server: Server | ReturnType<typeof createTlsServer>): Promise<void> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
}
