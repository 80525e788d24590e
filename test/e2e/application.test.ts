/** A web application of three services on a network of its own: nginx before a Python program before redis. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/engine.ts";
import { debianLayer } from "./support/debian.ts";
import { useHost } from "./support/host.ts";

const host = useHost({ pull: [] });
const { output, tsrun } = host;

/** Counts its visitors in redis, by the protocol itself (https://redis.io/docs/reference/protocol-spec). */
const APP = `
import socket
from http.server import BaseHTTPRequestHandler, HTTPServer
class Counter(BaseHTTPRequestHandler):
    def do_GET(self):
        with socket.create_connection(("db", 6379), 5) as db:
            db.sendall(b"INCR visits\\r\\n")
            visits = db.recv(100).decode().strip(":\\r\\n")
        body = f"visit {visits} by {self.headers['X-Real-IP']}\\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
HTTPServer(("", 8000), Counter).serve_forever()
`;

/** Looks its backend up at each request, as a proxy in front of containers has to. */
const NGINX = `
daemon off; error_log stderr; pid /tmp/nginx.pid;
events {}
http {
  access_log off;
  resolver 127.0.0.11 valid=1s;
  server {
    listen 80;
    location / {
      set $backend http://app:8000;
      proxy_pass $backend;
      proxy_set_header X-Real-IP $remote_addr;
    }
  }
}
`;

beforeAll(async () => {
  writeFileSync(join(host.directory, "app.py"), APP);
  writeFileSync(join(host.directory, "nginx.conf"), NGINX);
  await host.registry().pushImage("library/services", ["1"], {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    layers: [debianLayer("redis-server,nginx-light,python3-minimal,libpython3-stdlib")],
    config: { Cmd: ["true"] },
  });
  await output("pull", "-q", "services:1");
}, 600_000);

const mount = (name: string): string[] => ["-v", `${join(host.directory, name)}:/etc/${name}:ro`];
const detached = (name: string, ...rest: string[]): Promise<string> =>
  output("run", "-d", "--name", name, ...rest);

async function database(prefix: string): Promise<void> {
  const network = ["--network", prefix, "--network-alias", "db", "-v", `${prefix}-data:/data`];
  const command = ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--dir", "/data"];
  await detached(`${prefix}-db`, ...network, "services:1", ...command, "--appendonly", "yes");
}

async function start(prefix: string, port: number): Promise<void> {
  await output("network", "create", prefix);
  await database(prefix);
  const app = ["--network", prefix, "--network-alias", "app", ...mount("app.py")];
  await detached(`${prefix}-app`, ...app, "services:1", "python3", "/etc/app.py");
  const web = ["--network", prefix, "-p", `127.0.0.1:${port}:80`, ...mount("nginx.conf")];
  await detached(`${prefix}-web`, ...web, "services:1", "nginx", "-c", "/etc/nginx.conf");
  await until(() => /^visit/.test(visit(port)));
}

const visit = (port: number): string =>
  execFileSync("sh", ["-c", `curl -sf --max-time 5 http://127.0.0.1:${port}/ || true`], { encoding: "utf8" });
const visits = (port: number): number => Number(/^visit (\d+) by \d+\./.exec(visit(port))?.[1]);

describe("two applications of three services each", () => {
  beforeAll(async () => {
    await start("shop", 18100);
    await start("blog", 18101);
  }, 120_000);

  test("answer by way of all three, which find each other by name", () => {
    const before = visits(18100);
    expect(visits(18100)).toBe(before + 1);
    expect(visits(18101)).toBeGreaterThan(0);
  });

  test("do not reach each other, by name or by address", async () => {
    const address = await output("inspect", "-f", "{{.NetworkSettings.Networks.blog.IPAddress}}", "blog-db");
    const connect = (target: string): string =>
      `import socket; socket.create_connection(("${target}", 6379), 2); print("reached")`;
    expect(await output("exec", "shop-app", "python3", "-c", connect("db"))).toBe("reached");
    expect((await tsrun("exec", "shop-app", "python3", "-c", connect(address))).code).toBe(1);
    expect((await tsrun("exec", "shop-app", "python3", "-c", connect("blog-db"))).code).toBe(1);
  });

  test("keep their data on a named volume when the database is removed and run again", async () => {
    const before = visits(18100);
    await output("rm", "-f", "shop-db");
    expect(visit(18100)).toBe("");
    await database("shop");
    await until(() => /^visit/.test(visit(18100)));
    expect(visits(18100)).toBeGreaterThan(before + 1);
    expect(visits(18101)).toBeLessThan(before);
  });

  test("leave nothing", async () => {
    await output("rm", "-f", ...host.containers());
    await output("volume", "rm", "shop-data", "blog-data");
    await output("network", "rm", "shop", "blog");
    expect(await output("volume", "ls", "-q")).toBe("");
    expect(await output("network", "ls", "-q", "--filter", "type=custom")).toBe("");
  });
});
