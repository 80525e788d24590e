/** Tests that change links, addresses or rules run inside scripts/test-host and refuse to run anywhere else. */
import { readlinkSync } from "node:fs";

/** Throws unless this process is in the network namespace that scripts/test-host made for it. */
export function assertTestHost(): void {
  const { TSRUN_TEST_HOST: inside, TSRUN_TEST_HOST_OUTSIDE: outside } = process.env;
  if (inside === "1" && outside?.startsWith("net:[") && outside !== readlinkSync("/proc/self/ns/net")) return;
  throw new Error(
    "this test changes the network of the host it runs on: run it as `scripts/test-host COMMAND`",
  );
}
