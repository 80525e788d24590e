/** Volume drivers of another machine: over TLS, with an authority of their own and certificates on both sides. */
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { selfSigned } from "../support/tls-registry.ts";
import { useHost } from "./support/host.ts";

const IMAGE = "tsrun/base";
const host = useHost({ pull: [IMAGE] });
const { output, tsrun } = host;
/** Where docker looks too; the name is nobody else's. */
const SPECS = "/etc/docker/plugins";
const NAME = "tsrun-test-tls";
const spec = join(SPECS, `${NAME}.json`);

const certificates = mkdtempSync(join(tmpdir(), "tsrun-tls-"));
const [server, client, stranger] = ["localhost", "client", "stranger"].map((name) =>
  selfSigned(certificates, name, { name }),
) as [Pem, Pem, Pem];
type Pem = ReturnType<typeof selfSigned>;
const files = join(host.directory, "files");
const asked: string[] = [];

const plugin = createServer(
  {
    key: readFileSync(server.key),
    cert: readFileSync(server.certificate),
    ca: readFileSync(client.certificate),
    requestCert: true,
  },
  async (request, response) => {
    await json(request).catch(() => undefined);
    asked.push(`${(request.socket as TLSSocket).getPeerCertificate().subject.CN} ${request.url}`);
    const replies: Record<string, object> = {
      "/Plugin.Activate": { Implements: ["VolumeDriver"] },
      "/VolumeDriver.Capabilities": { Capabilities: { Scope: "global" } },
      "/VolumeDriver.Get": { Volume: { Name: "far", Mountpoint: files } },
      "/VolumeDriver.List": { Volumes: [] },
    };
    response.end(JSON.stringify({ Err: "", Mountpoint: files, ...replies[request.url ?? ""] }));
  },
);
plugin.on("tlsClientError", () => {});

function describePlugin(tls: object): void {
  const Addr = `tcp://localhost:${(plugin.address() as AddressInfo).port}`;
  writeFileSync(spec, JSON.stringify({ Name: NAME, Addr, TLSConfig: tls }));
}
const withClient = (pem: Pem) => ({ CertFile: pem.certificate, KeyFile: pem.key });

let made: string | undefined;
beforeAll(async () => {
  made = mkdirSync(SPECS, { recursive: true });
  mkdirSync(files);
  plugin.listen(0, "127.0.0.1");
  await once(plugin, "listening");
});
afterAll(() => {
  plugin.close();
  rmSync(certificates, { recursive: true });
  rmSync(spec, { force: true });
  if (made !== undefined) rmSync(made, { recursive: true });
});

test("one whose certificate its file vouches for is asked, as the client that the file names", async () => {
  describePlugin({ CAFile: server.certificate, ...withClient(client) });
  await output("volume", "create", "-d", NAME, "far");
  const flags = ["--rm", "--network", "none", "-v", "far:/far", IMAGE];
  await output("run", ...flags, "sh", "-c", "echo written > /far/file");
  await output("volume", "rm", "far");
  expect(readFileSync(join(files, "file"), "utf8")).toBe("written\n");
  for (const method of ["Create", "Mount", "Unmount", "Remove"])
    expect(asked).toContain(`client /VolumeDriver.${method}`);
});

test.each([
  ["whose certificate nobody vouches for", () => withClient(client), "self-signed certificate"],
  [
    "of another authority",
    () => ({ CAFile: client.certificate, ...withClient(client) }),
    "self-signed certificate",
  ],
  [
    "that does not know the client",
    () => ({ CAFile: server.certificate, ...withClient(stranger) }),
    "Plugin.Activate",
  ],
  ["that is told of no client", () => ({ CAFile: server.certificate }), "Plugin.Activate"],
])("one %s is refused", async (_what, tls, message) => {
  describePlugin(tls());
  asked.length = 0;
  const { code, stderr } = await tsrun("volume", "create", "-d", NAME, "far");
  expect([code, asked]).toEqual([1, []]);
  expect(stderr).toContain(message);
  expect(stderr).toContain(`plugin ${NAME}`);
  expect(await output("volume", "ls", "-q")).toBe("");
});

test("InsecureSkipVerify asks whoever is there", async () => {
  describePlugin({ InsecureSkipVerify: true, ...withClient(client) });
  asked.length = 0;
  await output("volume", "create", "-d", NAME, "far");
  await output("volume", "rm", "far");
  expect(asked).toContain("client /VolumeDriver.Create");
});
