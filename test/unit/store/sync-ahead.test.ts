import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { SyncAhead } from "../../../src/store/sync-ahead.ts";

const MiB = 1024 * 1024;

/** Syncs that end when the test says so. */
function syncs() {
  const begun: PromiseWithResolvers<void>[] = [];
  const ahead = new SyncAhead(() => {
    const sync = Promise.withResolvers<void>();
    begun.push(sync);
    return sync.promise;
  });
  return { begun, ahead };
}

test("a sync begins when enough has come, and no other before it has ended", async () => {
  const { begun, ahead } = syncs();
  ahead.received(MiB);
  expect(begun).toHaveLength(0);
  for (let i = 0; i < 100; i++) ahead.received(MiB);
  expect(begun).toHaveLength(1);
  begun[0]?.resolve();
  await turn();
  ahead.received(1);
  expect(begun).toHaveLength(2);
});

test("the end is a sync of its own, and waits for the one that is under way", async () => {
  const { begun, ahead } = syncs();
  ahead.received(100 * MiB);
  let ended = false;
  const finished = ahead.finish().then(() => {
    ended = true;
  });
  expect(begun).toHaveLength(2);
  begun[1]?.resolve();
  await turn();
  expect(ended).toBe(false);
  begun[0]?.resolve();
  await finished;
});

test.each([0, 1])("what sync %i of two met is thrown at the end, once", async (failing) => {
  const { begun, ahead } = syncs();
  ahead.received(100 * MiB);
  const finished = ahead.finish();
  begun.forEach((sync, i) => {
    if (i === failing) sync.reject(new Error("EIO"));
    else sync.resolve();
  });
  await expect(finished).rejects.toThrow("EIO");
  const again = ahead.finish();
  begun[2]?.resolve();
  await again;
});

test("a sync that failed long before the end is not forgotten", async () => {
  const { begun, ahead } = syncs();
  ahead.received(100 * MiB);
  begun[0]?.reject(new Error("EIO"));
  await turn();
  ahead.received(100 * MiB);
  begun[1]?.resolve();
  await turn();
  const finished = ahead.finish();
  begun[2]?.resolve();
  await expect(finished).rejects.toThrow("EIO");
});
