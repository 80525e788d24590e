import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../../src/config.ts";
import { createTransport } from "../../../src/image/transport.ts";

const server = createServer((request, response) => {
  if (request.url?.startsWith("/elsewhere")) {
    response.writeHead(307, { location: "ftp://files.example.org/blob" }).end();
  } else {
    request.socket.destroy();
  }
});
let host: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

test("a redirect to what is not HTTP is refused", async () => {
  using transport = createTransport(loadConfig({ TSRUN_CONFIG: "" }));
  await expect(transport.request(`http://${host}/elsewhere`)).rejects.toMatchObject({
    code: "ERR_TSRUN_REGISTRY_FAILED",
    message: `${host} redirects to what is no HTTP: ftp:`,
  });
});

test("a connection that breaks is told without the query of its URL", async () => {
  using transport = createTransport(loadConfig({ TSRUN_CONFIG: "" }));
  await expect(transport.request(`http://${host}/blob?signature=secret`)).rejects.toMatchObject({
    code: "ECONNRESET",
    message: expect.stringMatching(`^request to http://${host}/blob failed, reason: [^?]*$`),
    stack: expect.not.stringContaining("secret"),
  });
});
