import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../../src/config.ts";
import { chunksOf, createTransport, type HttpResponse } from "../../../src/image/transport.ts";

const SIZE = 3_000_000;
/** Different for each path, and at each place of it. */
const bodyOf = (path: string) => Buffer.from(`${path} `.repeat(SIZE / (path.length + 1)));

const server = createServer((request, response) => {
  const body = bodyOf(request.url ?? "");
  if (request.url !== "/cut") return void response.end(body);
  response.writeHead(200, { "Content-Length": body.length });
  response.write(body.subarray(0, 500_000), () => response.destroy());
});
let host: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

/** As a reader that is slower than the network takes it. */
async function read(response: HttpResponse): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of chunksOf(response, 5000)) {
    chunks.push(Buffer.from(chunk));
    await turn();
  }
  return Buffer.concat(chunks);
}

test("bodies that come at once over connections that are read into the same memory", async () => {
  using transport = createTransport(loadConfig({ TSRUN_CONFIG: "" }));
  for (let round = 0; round < 2; round++) {
    const paths = ["/a", "/bc", "/def"];
    const responses = await Promise.all(paths.map((path) => transport.request(`http://${host}${path}`)));
    const bodies = await Promise.all(responses.map(read));
    expect(paths.map((path, i) => bodies[i]?.equals(bodyOf(path)))).toEqual([true, true, true]);
  }
});

test("a body that breaks off is no body", async () => {
  using transport = createTransport(loadConfig({ TSRUN_CONFIG: "" }));
  const response = await transport.request(`http://${host}/cut`);
  await expect(read(response)).rejects.toMatchObject({ code: "ECONNRESET" });
});

test("nor is one that was closed before it was read", async () => {
  using transport = createTransport(loadConfig({ TSRUN_CONFIG: "" }));
  const response = await transport.request(`http://${host}/a`);
  response.body.destroy();
  await expect(read(response)).rejects.toMatchObject({ code: "ERR_STREAM_PREMATURE_CLOSE" });
  await expect(read(response)).rejects.toMatchObject({ code: "ERR_STREAM_PREMATURE_CLOSE" });
});
