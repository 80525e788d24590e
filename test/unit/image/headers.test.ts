/** Headers come from registries and whatever stands in between: any text may be in them. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseChallenges } from "../../../src/image/auth.ts";
import { nextQuery, parseLinks } from "../../../src/image/link-header.ts";
import { describeRateLimit, readRateLimit } from "../../../src/image/rate-limit.ts";
import { retryAfterMs } from "../../../src/image/retry.ts";
import { mergeScopes } from "../../../src/image/scopes.ts";

const token = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/);
const text = fc.string({ unit: fc.constantFrom(...'abz09 ,;="\\<>:/?&%\t.-_'.split("")), maxLength: 40 });
/** Looks like a header more often than not. */
const headerLike = fc.oneof(
  fc.string(),
  text,
  fc
    .array(
      fc.constantFrom(
        "Bearer ",
        "Basic",
        'realm="',
        '"',
        ",",
        "=",
        "a",
        "\\",
        " ",
        ";",
        "rel=next",
        "<",
        ">",
      ),
    )
    .map((parts) => parts.join("")),
);
const quote = (value: string): string => `"${value.replace(/["\\]/g, "\\$&")}"`;

describe("WWW-Authenticate", () => {
  const challenge = fc.record({
    scheme: token,
    parameters: fc.uniqueArray(fc.tuple(token, text), { selector: ([name]) => name, maxLength: 4 }),
  });

  test("what is written by the grammar is read as it was meant", () => {
    const all = fc.array(challenge, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(all, fc.constantFrom(", ", ",", " , "), (challenges, comma) => {
        const header = challenges
          .map(({ scheme, parameters }) => {
            const list = parameters.map(([name, value]) => `${name}=${quote(value)}`).join(comma);
            return list === "" ? scheme : `${scheme} ${list}`;
          })
          .join(comma);
        expect(parseChallenges(header)).toEqual(
          challenges.map(({ scheme, parameters }) => ({
            scheme,
            parameters: Object.fromEntries(parameters),
          })),
        );
      }),
    );
  });

  test("anything else is survived, quickly", () => {
    fc.assert(
      fc.property(headerLike, (header) => {
        for (const { scheme, parameters } of parseChallenges(header)) {
          expect(scheme).toMatch(/^\S+$/);
          expect(Object.values(parameters).every((value) => typeof value === "string")).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
    const start = performance.now();
    for (const part of ['"', "\\", ",", 'a="', "a=", " "]) parseChallenges(part.repeat(50_000));
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test("no parameter is an object's own machinery", () => {
    const [first] = parseChallenges('Bearer __proto__="x", realm="r"');
    expect(first?.parameters.realm).toBe("r");
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });
});

describe("Link", () => {
  const query = fc
    .uniqueArray(fc.tuple(token, fc.stringMatching(/^[\w./-]{0,12}$/)), {
      selector: ([name]) => name,
      minLength: 1,
    })
    .map((pairs) => `?${new URLSearchParams(pairs)}`);
  const origin = fc.constantFrom("", "https://other.example", "http://registry:5000");

  test("the next page is found among other links, whatever host it names", () => {
    fc.assert(
      fc.property(query, origin, fc.boolean(), fc.boolean(), (search, host, quoted, hasOthers) => {
        const rel = quoted ? 'rel="next"' : "rel=next";
        const others = hasOthers ? '</v2/x?n=1>; rel="prev"; title="a, <b>; rel=next", ' : "";
        expect(nextQuery(`${others}<${host}/v2/x/tags/list${search}>; ${rel}`)).toBe(search);
      }),
    );
  });

  test.each([
    [null, undefined],
    ["", undefined],
    ["</v2/x>; rel=next", undefined],
    ["</v2/x?n=1>; rel=prev", undefined],
    ["</v2/x?n=1>", undefined],
    ['<?last=b&n=2>; REL="NEXT last"', "?last=b&n=2"],
    ["<x?a>; rel=prev; rel=next", undefined],
    ["<http://[>; rel=next", undefined],
  ])("%j", (header, expected) => expect(nextQuery(header)).toBe(expected));

  test("anything else is survived, quickly", () => {
    fc.assert(
      fc.property(headerLike, (header) => {
        for (const { target, relations } of parseLinks(header)) {
          expect(target).not.toContain(">");
          expect(relations.every((relation) => /^\S+$/.test(relation))).toBe(true);
        }
        nextQuery(header);
      }),
      { numRuns: 2000 },
    );
    const start = performance.now();
    for (const part of ["<", "<>", "<>;a", ";", '<>;a="', "<>;a=\\"]) parseLinks(part.repeat(20_000));
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe("rate limits", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const headers = (all: Readonly<Record<string, string>>) => ({ get: (name: string) => all[name] ?? null });
  const count = fc.nat({ max: 100_000 });

  test("Docker Hub's form is read, by any of the names", () => {
    const prefix = fc.constantFrom("", "x-", "docker-");
    fc.assert(
      fc.property(count, fc.nat({ max: 86_400 }), count, prefix, (limit, windowSeconds, remaining, x) => {
        const read = readRateLimit(
          headers({
            [`${x}ratelimit-limit`]: `${limit};w=${windowSeconds}`,
            [`${x}ratelimit-remaining`]: `${remaining};w=${windowSeconds}`,
          }),
          now,
        );
        expect(read).toEqual({ limit, windowSeconds, remaining, resetAt: undefined });
      }),
    );
  });

  test.each([
    [{ "ratelimit-reset": "60" }, now + 60_000],
    [{ "x-ratelimit-reset": "1893456000" }, 1893456000_000],
    [{ "retry-after": "30" }, now + 30_000],
    [{ "retry-after": "Thu, 01 Jan 2026 00:01:00 GMT" }, now + 60_000],
    [{ "retry-after": "1893456000" }, 1893456000_000],
    [{ "retry-after": "9".repeat(400) }, undefined],
    [{ "retry-after": "soon" }, undefined],
    [{ "ratelimit-reset": "soon", "retry-after": "1" }, now + 1000],
  ])("reset of %j", (all, expected) => expect(readRateLimit(headers(all), now).resetAt).toBe(expected));

  test("the draft's combined header", () => {
    const all = { ratelimit: "limit=100, remaining=7, reset=50", "ratelimit-policy": "100;w=60" };
    expect(readRateLimit(headers(all), now)).toEqual({
      limit: 100,
      windowSeconds: 60,
      remaining: 7,
      resetAt: now + 50_000,
    });
    expect(describeRateLimit(readRateLimit(headers(all), now))).toBe(
      "limit 100 per 1 min, 7 remaining, resets at 2026-01-01T00:00:50Z",
    );
    expect(describeRateLimit(readRateLimit(headers({})))).toBe("");
  });

  test("anything is survived, and can be described", () => {
    const names = ["limit", "remaining", "reset"].map((name) => `ratelimit-${name}`);
    const value = fc.oneof(headerLike, fc.bigInt({ min: 0n, max: 10n ** 30n }).map(String));
    const any = fc.dictionary(
      fc.constantFrom(...names, "ratelimit", "ratelimit-policy", "retry-after"),
      value,
    );
    fc.assert(
      fc.property(any, (all) => {
        expect(describeRateLimit(readRateLimit(headers(all), now))).not.toMatch(/NaN|Invalid|undefined/);
        const delay = retryAfterMs(all["retry-after"] ?? null, now);
        expect(delay === undefined || delay >= 0).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("scopes", () => {
  test.each([
    [["repository:a:pull", "repository:a:push,pull"], ["repository:a:pull,push"]],
    [["repository:a:pull repository:b:pull"], ["repository:a:pull", "repository:b:pull"]],
    [["repository:h:5000/a:pull", "repository:h:5000/a:push"], ["repository:h:5000/a:pull,push"]],
    [["registry:catalog:*", ""], ["registry:catalog:*"]],
    [["plain"], ["plain"]],
    [["aws:thing"], ["aws:thing"]],
  ])("%j", (lists, merged) => expect(mergeScopes(...lists)).toEqual(merged));

  test("merging again changes nothing, and no action is lost", () => {
    const scope = fc
      .tuple(fc.constantFrom("a", "b", "h:1/c"), fc.subarray(["pull", "push", "delete"], { minLength: 1 }))
      .map(([name, actions]) => `repository:${name}:${actions.join(",")}`);
    fc.assert(
      fc.property(fc.array(scope), (scopes) => {
        const merged = mergeScopes(...scopes);
        expect(mergeScopes(...merged)).toEqual(merged);
        const pairs = (list: readonly string[]) =>
          new Set(
            list.flatMap((one) => {
              const at = one.lastIndexOf(":");
              return one
                .slice(at + 1)
                .split(",")
                .map((action) => `${one.slice(0, at)} ${action}`);
            }),
          );
        expect(pairs(merged)).toEqual(pairs(scopes));
        expect(new Set(merged.map((one) => one.slice(0, one.lastIndexOf(":")))).size).toBe(merged.length);
      }),
    );
  });
});
