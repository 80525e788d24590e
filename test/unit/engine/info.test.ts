import { expect, test } from "vitest";
import { withoutPassword } from "../../../src/engine/info.ts";

test.each([
  ["http://me:secret@proxy.example.org:3128", "http://xxxxx:xxxxx@proxy.example.org:3128"],
  ["https://me@proxy.example.org/", "https://xxxxx:xxxxx@proxy.example.org/"],
  ["http://me:p@ss/word@proxy", "http://xxxxx:xxxxx@proxy"],
  ["me:secret@proxy:3128", "xxxxx:xxxxx@proxy:3128"],
  ["http://proxy:3128", "http://proxy:3128"],
  ["proxy:3128", "proxy:3128"],
  ["", ""],
])("the proxy %s is shown as %s", (url, masked) => expect(withoutPassword(url)).toBe(masked));
