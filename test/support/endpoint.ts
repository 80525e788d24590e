/** A container's connection as a document, for tests that need no kernel. */
import { BRIDGE } from "../../src/network/predefined.ts";
import type { Endpoint } from "../../src/network/types.ts";

export const endpoint = (changes: Partial<Endpoint> = {}): Endpoint => ({
  endpointId: "e".repeat(64),
  networkId: BRIDGE.id,
  network: "bridge",
  driver: "bridge",
  containerId: "c".repeat(64),
  name: "web",
  aliases: [],
  links: [],
  address: "172.17.0.2/16",
  gateway: "172.17.0.1",
  macAddress: "02:42:ac:11:00:02",
  interface: "eth0",
  hostInterface: "veth0000000",
  ...changes,
});
