import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Values } from "../../../../src/cli/oci/command.ts";
import { resourcesOf } from "../../../../src/cli/oci/resources.ts";
import type { OciResources } from "../../../../src/runtime/oci.ts";

const directory = mkdtempSync(join(tmpdir(), "tsrun-resources-"));
afterAll(() => rmSync(directory, { recursive: true }));

function read(text: string): OciResources {
  const file = join(directory, "resources.json");
  writeFileSync(file, text);
  return resourcesOf(new Values(new Map([["resources", [file]]])));
}

test.each([
  ["keys in any case, as engines in Go may write them", '{"Memory":{"Limit":1}}', { memory: { limit: 1 } }],
  ["null as absent", '{"memory":null,"cpu":{"shares":null,"quota":-1}}', { cpu: { quota: -1 } }],
  ["unknown keys left out", '{"memory":{"limit":1,"colour":"red"}}', { memory: { limit: 1 } }],
  [
    "no more than a double can hold",
    '{"pids":{"limit":9223372036854775807}}',
    { pids: { limit: 2 ** 63 - 1024 } },
  ],
  ["-1 without its sign", '{"memory":{"swappiness":18446744073709551615}}', { memory: { swappiness: -1 } }],
])("%s", (_, text, resources) => {
  expect(read(text)).toEqual(resources);
});

test.each([
  ["no JSON", "{", /^invalid resources: linux.resources is not valid JSON/],
  ["no object", "[]", /^invalid resources: .*an object is needed/],
  [
    "a limit that is no number",
    '{"memory":{"limit":"1g"}}',
    /^invalid resources: memory.limit: a whole number/,
  ],
])("%s is refused", (_, text, said) => {
  expect(() => read(text)).toThrow(said);
});
