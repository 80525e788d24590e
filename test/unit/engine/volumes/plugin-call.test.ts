import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { callPlugin } from "../../../../src/engine/volumes/plugin-call.ts";

const directory = mkdtempSync(join(tmpdir(), "tsrun-plugin-"));
const path = join(directory, "p.sock");
let server: Server;
afterEach(() => server.close());

/** A plugin that answers everything so; returns what it was asked. */
async function serve(status: number, body: string): Promise<{ asked: string[] }> {
  const asked: string[] = [];
  server = createServer((request, response) => {
    request
      .setEncoding("utf8")
      .on("data", (text: string) => asked.push(`${request.method} ${request.url} ${text}`));
    request.on("end", () => response.writeHead(status).end(body));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { asked };
}
const call = (): Promise<unknown> =>
  callPlugin("p", { kind: "socket", path }, { method: "VolumeDriver.Get", request: { Name: "x" } });

test("a call is a POST of JSON", async () => {
  const { asked } = await serve(200, '{"Err":""}');
  expect(await call()).toEqual({ Err: "" });
  expect(asked).toEqual(['POST /VolumeDriver.Get {"Name":"x"}']);
});

test.each([
  [200, "nonsense", "is not valid JSON"],
  [500, '{"Err":"disk on fire"}', "VolumeDriver.Get: plugin p: disk on fire"],
  [404, "not here", "plugin p: not here"],
  [502, "", "it answers with status 502"],
])("%i %j is an error", async (status, body, message) => {
  await serve(status, body);
  await expect(call()).rejects.toThrow(message);
});

test("nobody there is an error", async () => {
  await serve(200, "{}");
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
  await expect(call()).rejects.toMatchObject({ code: "ERR_TSRUN_VOLUME_DRIVER_FAILED" });
});
