import { expect, it } from "vitest";
import { parseNetDev } from "../../../src/engine/stats.ts";

it("sums all interfaces but the loopback one", () => {
  const text = [
    "Inter-|   Receive                                                |  Transmit",
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed",
    "    lo: 9000      10    0    0    0     0          0         0  9000      10    0    0    0     0       0          0",
    "  eth0: 1000       8    0    0    0     0          0         0   500       4    0    0    0     0       0          0",
    "eth1:     24       1    0    0    0     0          0         0     7       1    0    0    0     0       0          0",
    "",
  ].join("\n");
  expect(parseNetDev(text)).toEqual({ receivedBytes: 1024, sentBytes: 507 });
});

it("has nothing to sum where there is only the loopback interface", () => {
  expect(parseNetDev("  lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n")).toEqual({
    receivedBytes: 0,
    sentBytes: 0,
  });
});
