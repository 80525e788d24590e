import { expect, test } from "vitest";
import { allPages } from "../../../src/image/pages.ts";

/** A registry whose every page has 1000 names that no other has. */
const page = (query: string, last: number) => {
  const at = Number(query);
  const names = Array.from({ length: 1000 }, (_, i) => `${at}-${i}`);
  return Promise.resolve({ names, next: at < last ? `${at + 1}` : undefined });
};

test("100,000 names of a registry are read, not more", async () => {
  expect(await allPages((query) => page(query, 99))).toHaveLength(100_000);
  await expect(allPages((query) => page(query, 100))).rejects.toMatchObject({
    code: "ERR_TSRUN_REGISTRY_FAILED",
    message: "the registry's list has more than 100000 names",
  });
});
