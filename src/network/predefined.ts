/** The networks that every host has: their ids and names are the same everywhere, and nothing removes them. */
import type { NetworkRecord } from "./types.ts";

const BASE = {
  version: 1,
  createdAt: "1970-01-01T00:00:00.000000000Z",
  subnets: [],
  internal: false,
  enableIpv4: true,
  enableIpv6: false,
  attachable: false,
  labels: {},
  options: {},
  ipamOptions: {},
} as const;

/** The default one; its document, once there is one, tells the subnet that was chosen. */
export const BRIDGE: NetworkRecord = {
  ...BASE,
  id: "b01d9e0000000000000000000000000000000000000000000000000000000001",
  name: "bridge",
  driver: "bridge",
};
export const HOST: NetworkRecord = {
  ...BASE,
  id: "4057000000000000000000000000000000000000000000000000000000000002",
  name: "host",
  driver: "host",
};
export const NONE: NetworkRecord = {
  ...BASE,
  id: "9011e00000000000000000000000000000000000000000000000000000000003",
  name: "none",
  driver: "null",
};

export const PREDEFINED: readonly NetworkRecord[] = [BRIDGE, HOST, NONE];

export const isPredefined = ({ id }: Pick<NetworkRecord, "id">): boolean =>
  PREDEFINED.some((network) => network.id === id);

/** One that users have made: names are resolved on it, addresses can be asked for. */
export const isUserDefined = (network: Pick<NetworkRecord, "id">): boolean => !isPredefined(network);
