/** The address pools that networks are cut from: `default-address-pools` of the configuration, Docker's by default. */
import { TsrunError } from "../errors.ts";
import { broadcastOf, overlap, parseSubnet, type Subnet, subnetOf, subnetSize } from "./ipv4.ts";

/** A network from which subnets with a prefix of `size` bits are cut. */
export interface AddressPool {
  base: string;
  size: number;
}

export const DEFAULT_POOLS: readonly AddressPool[] = [
  { base: "172.17.0.0/16", size: 16 },
  { base: "172.18.0.0/15", size: 16 },
  { base: "172.20.0.0/14", size: 16 },
  { base: "172.24.0.0/13", size: 16 },
  { base: "192.168.0.0/16", size: 20 },
];

/** The longest prefix that leaves a gateway and one container beside the network and broadcast addresses. */
const LONGEST_PREFIX = 30;

/** The first subnet of the pools that no network in `used` overlaps; no pools at all means Docker's. */
export function chooseSubnet(pools: readonly AddressPool[], used: readonly Subnet[]): Subnet {
  const from = pools.length > 0 ? pools : DEFAULT_POOLS;
  for (const pool of from) {
    for (const subnet of subnetsOf(pool)) {
      if (!used.some((other) => overlap(subnet, other))) return subnet;
    }
  }
  throw new TsrunError(
    "ERR_TSRUN_NETWORK_NO_SUBNET",
    `no free subnet: the host's own networks and those made here overlap all of ${from.map(({ base }) => base).join(", ")}`,
    {
      hint: 'name a free range in the configuration: "default-address-pools": [{"base": "10.201.0.0/16", "size": 24}]',
    },
  );
}

function* subnetsOf({ base, size }: AddressPool): Generator<Subnet> {
  const pool = parseSubnet(base);
  if (pool === undefined || !Number.isInteger(size) || size < pool.prefixLength || size > LONGEST_PREFIX) {
    throw new TsrunError(
      "ERR_TSRUN_NETWORK_POOL_INVALID",
      `invalid address pool: base ${base}, size ${size}`,
      {
        hint: `base is a network such as 172.17.0.0/16, size a prefix length between its own and ${LONGEST_PREFIX}`,
      },
    );
  }
  for (let subnet = subnetOf(pool.base, size); subnet.base <= broadcastOf(pool); ) {
    yield subnet;
    subnet = subnetOf(subnet.base + subnetSize(subnet), size);
  }
}
