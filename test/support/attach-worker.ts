/**
 * A process that attaches containers to the bridge network and keeps them until its stdin ends:
 *   node attach-worker.ts DIRECTORY FIRST COUNT
 * Prints the addresses as one line of JSON.
 */
import { createNetworkNamespace } from "../../src/kernel/netns.ts";
import { attach as attachAll } from "../../src/network/attach.ts";
import { BRIDGE } from "../../src/network/predefined.ts";

const [directory = "", first, count] = process.argv.slice(2);
const context = {
  paths: { root: `${directory}/root`, run: `${directory}/run` },
  config: { "default-address-pools": [] },
};

async function attach(number: number): Promise<string> {
  const netns = createNetworkNamespace();
  const containerId = number.toString(16).padStart(7, "0").padEnd(64, "f");
  const { endpoints } = await attachAll(context, {
    containerId,
    containerName: `c${number}`,
    netns,
    endpoints: [{ network: BRIDGE, options: { network: "bridge" } }],
    isAlive: () => true,
  });
  return endpoints[0]?.address ?? "";
}

const numbers = Array.from({ length: Number(count) }, (_, index) => Number(first) + index);
console.log(JSON.stringify(await Promise.all(numbers.map(attach))));
process.stdin.resume();
