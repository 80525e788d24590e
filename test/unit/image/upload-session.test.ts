import { Readable } from "node:stream";
import { expect, test } from "vitest";
import type { Contact } from "../../../src/image/contact.ts";
import type { HttpResponse } from "../../../src/image/transport.ts";
import { bytesKept, sessionOf } from "../../../src/image/upload-session.ts";

const contact = { url: "https://registry.example:5000", host: "registry.example:5000" } as Contact;
const answer = (headers: Record<string, string>): HttpResponse => ({
  url: "https://registry.example:5000/v2/app/blobs/uploads/",
  status: 202,
  headers: { get: (name) => headers[name] ?? null },
  body: Readable.from([]),
});

test.each([
  ["0-1023", 1024],
  ["bytes=0-9", 10],
  // Of an upload that has nothing too: no other form says so.
  ["0-0", 0],
  ["5-9", undefined],
  ["", undefined],
  [null, undefined],
])("the Range header %s", (header, expected) => {
  expect(bytesKept(header)).toBe(expected);
});

test.each([
  ["/v2/app/blobs/uploads/1?s=2", "https://registry.example:5000/v2/app/blobs/uploads/1?s=2"],
  ["https://storage.example/bucket?sig=x", "https://storage.example/bucket?sig=x"],
  // It is behind a proxy that ends TLS, and does not know.
  ["http://registry.example:5000/v2/app/1", "https://registry.example:5000/v2/app/1"],
  ["http://elsewhere.example/1", "http://elsewhere.example/1"],
])("an upload at %s goes on at %s", (location, expected) => {
  expect(sessionOf(answer({ location }), contact).url.href).toBe(expected);
});

test("a later answer may name another place, or none", () => {
  const before = sessionOf(answer({ location: "/one", "oci-chunk-min-length": "1000" }), contact);
  expect(before).toMatchObject({ offset: 0, minimum: 1000 });
  const next = { ...before, offset: 7 };
  expect(sessionOf(answer({}), contact, next)).toEqual(next);
  expect(sessionOf(answer({ location: "/two" }), contact, next)).toMatchObject({
    url: new URL("https://registry.example:5000/two"),
    offset: 7,
    minimum: 1000,
  });
  expect(() => sessionOf(answer({}), contact)).toThrow("names no location");
});
