import { expect, test } from "vitest";
import { composed, exchanged } from "../../../../src/engine/volumes/locate.ts";

test("an exchange of owners in a user namespace: what that lacks is nobody's", () => {
  const namespace = [{ containerID: 0, hostID: 100_000, size: 10 }];
  expect(new Set(composed(exchanged(500, 3), namespace))).toEqual(
    new Set([
      { containerID: 0, hostID: 100_000, size: 3 },
      { containerID: 500, hostID: 100_003, size: 1 },
      { containerID: 4, hostID: 100_004, size: 6 },
    ]),
  );
});
