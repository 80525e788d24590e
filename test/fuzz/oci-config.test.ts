/** config.json in any condition: a Plan that can be encoded, or an error with a code, never another exception. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { OciConfig } from "../../src/runtime/oci.ts";
import { parseConfig } from "../../src/runtime/oci-validate/read.ts";
import { encodePlan } from "../../src/runtime/plan/encode.ts";
import { ociPlan } from "../../src/runtime/plan/oci-plan.ts";
import { corpus, effort, mutated, refusedOr } from "./mutations.ts";

const { timeout, ...runs } = effort(300);
const seeds = corpus("oci-config");

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What is of the wrong kind, too large, too small, or means something elsewhere. */
const ODD: Json[] = [
  ...[null, true, false, 0, -1, 1.5, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 64, 1e300],
  ...["", " ", "/", ".", "..", "../..", "relative", "/a\u0000b", "=", ",", ":", "a".repeat(5000), "\ud800"],
  ...["bind", "rbind", "ro", "idmap", "tmpcopyup", "cgroup", "host", "CAP_SYS_ADMIN", "RLIMIT_NOFILE"],
  ...[
    [],
    {},
    [null],
    [[]],
    [{}],
    [""],
    { "": "" },
    ["a\u0000"],
    { type: "user" },
    { type: "mount", path: "/x" },
  ],
];

const isObject = (value: Json | undefined): value is { [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Every place in a document, as the keys that lead there. */
function placesIn(value: Json, way: (string | number)[] = []): (string | number)[][] {
  const below = Array.isArray(value)
    ? value.flatMap((element, index) => placesIn(element, [...way, index]))
    : isObject(value)
      ? Object.entries(value).flatMap(([key, element]) => placesIn(element, [...way, key]))
      : [];
  return [way, ...below];
}

/** The document with another value at that place; undefined takes it away. */
function changed(value: Json, way: readonly (string | number)[], to: Json | undefined): Json | undefined {
  const [key, ...rest] = way;
  if (key === undefined) return to;
  if (Array.isArray(value)) {
    return value.flatMap((element, index) => {
      const put = index === key ? changed(element, rest, to) : element;
      return put === undefined ? [] : [put];
    });
  }
  if (!isObject(value)) return value;
  const put = changed(value[key] as Json, rest, to);
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, element]) =>
      name !== key ? [[name, element]] : put === undefined ? [] : [[name, put]],
    ),
  );
}

/** A document with up to four values replaced, taken away, or put where another one was. */
function altered(documents: readonly Json[]): fc.Arbitrary<Json> {
  const at = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const change = fc.record({
    at,
    to: fc.oneof(
      fc.constantFrom(...ODD).map((value) => ({ value })),
      fc.constant({ value: undefined }),
      at.map((from) => ({ from })),
    ),
  });
  const pick = <Item>(items: readonly Item[], fraction: number): Item =>
    items[Math.floor(fraction * items.length)] as Item;
  const valueAt = (value: Json, way: readonly (string | number)[]): Json =>
    way.reduce((inner: Json, key) => (inner as Record<string | number, Json>)[key] as Json, value);
  return fc
    .tuple(fc.constantFrom(...documents), fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([document, changes]) =>
      changes.reduce((value: Json, { at: where, to }) => {
        const places = placesIn(value);
        const put = "from" in to ? valueAt(value, pick(places, to.from)) : to.value;
        return changed(value, pick(places, where), put) ?? null;
      }, document),
    );
}

function planOf(text: string): void {
  const config = refusedOr<OciConfig>(() => parseConfig(text, { bundle: "/bundle", warn: () => {} }));
  if (config === undefined) return;
  const plan = refusedOr(() =>
    encodePlan(
      ociPlan({
        config,
        bundle: "/bundle",
        cgroup: { cloneInto: true, procsFiles: [], view: { version: 2 } },
        seccomp: undefined,
        noPivot: false,
        noNewKeyring: false,
        terminal: config.process?.terminal ? "pty" : "inherit",
        preserveFds: 0,
        id: "box",
      }),
    ),
  );
  if (plan) expect(plan.readUInt32LE(12)).toBe(plan.length);
}

test("the seeds are good", () => {
  expect(seeds.length).toBeGreaterThan(1);
  for (const seed of seeds)
    expect(() => parseConfig(seed.toString(), { bundle: "/bundle", warn: () => {} })).not.toThrow();
});

test("the text", { timeout }, () => {
  fc.assert(
    fc.property(mutated(seeds, ["null", "[]", "{}", "1e99", '"\\u0000"']), (input) =>
      planOf(input.toString()),
    ),
    runs,
  );
});

test("the values", { timeout }, () => {
  const documents = seeds.map((seed) => JSON.parse(seed.toString()) as Json);
  fc.assert(
    fc.property(altered(documents), (document) => planOf(JSON.stringify(document))),
    runs,
  );
});
