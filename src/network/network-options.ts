/** What `network create -o` can say of a network, by the names that docker gives its own options. */
import type { NetworkRecord } from "./types.ts";

export const BRIDGE_NAME = "com.docker.network.bridge.name";
const ENABLE_ICC = "com.docker.network.bridge.enable_icc";
const ENABLE_MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade";
const HOST_BINDING = "com.docker.network.bridge.host_binding_ipv4";
const MTU = "com.docker.network.driver.mtu";
const INTERFACE_PREFIX = "com.docker.network.container_iface_prefix";
const PARENT = "parent";
const MACVLAN_MODE = "macvlan_mode";

type Options = Pick<NetworkRecord, "id" | "options">;

/** The bridge's link on the host, of a network other than the default one. */
export const bridgeNameOf = ({ id, options }: Options): string =>
  options[BRIDGE_NAME] || `br-${id.slice(0, 12)}`;

/** Whether the network's containers may reach each other. */
export const allowsInterContainer = ({ options }: Options): boolean => isTrue(options[ENABLE_ICC], true);

/** Whether what leaves the network gets the host's address. */
export const masquerades = ({ options }: Options): boolean => isTrue(options[ENABLE_MASQUERADE], true);

/** The host's address that ports are published on where the user names none. */
export const hostBindingOf = ({ options }: Options): string | undefined => options[HOST_BINDING] || undefined;

export const mtuOf = ({ options }: Options): number | undefined =>
  options[MTU] ? Number(options[MTU]) : undefined;

/** "eth" of eth0. */
export const interfacePrefixOf = ({ options }: Options): string => options[INTERFACE_PREFIX] || "eth";

/** The host's link that a macvlan network is on; without one it has a dummy, and is internal. */
export const parentOf = ({ options }: Options): string | undefined => options[PARENT] || undefined;

/** The dummy of a macvlan network without a parent. */
export const dummyNameOf = ({ id }: Options): string => `dm-${id.slice(0, 12)}`;

/** What is wrong with the options, if anything. */
export function invalidOption(options: Readonly<Record<string, string>>): string | undefined {
  for (const key of [ENABLE_ICC, ENABLE_MASQUERADE]) {
    const value = options[key];
    if (value !== undefined && !BOOLEANS.has(value.toLowerCase()))
      return `invalid value for ${key}: "${value}"`;
  }
  const mtu = options[MTU];
  if (mtu !== undefined && !(/^\d{1,5}$/.test(mtu) && Number(mtu) >= 68 && Number(mtu) <= 65535))
    return `invalid value for ${MTU}: "${mtu}"`;
  for (const key of [BRIDGE_NAME, PARENT]) {
    const name = options[key];
    // IFNAMSIZ of <linux/if.h>, its zero byte left out; the kernel takes more characters, nft(8) these.
    if (name !== undefined && !/^(?!\.{1,2}$)[\w.-]{1,15}$/.test(name))
      return `invalid interface name in ${key}: "${name}"`;
  }
  const mode = options[MACVLAN_MODE];
  if (mode !== undefined && mode !== "bridge") return `requested macvlan mode '${mode}' is not valid`;
  return undefined;
}

/** As Go's strconv.ParseBool reads them. */
const BOOLEANS = new Map([
  ...["1", "t", "true"].map((word) => [word, true] as const),
  ...["0", "f", "false"].map((word) => [word, false] as const),
]);

const isTrue = (text: string | undefined, otherwise: boolean): boolean =>
  (text === undefined ? undefined : BOOLEANS.get(text.toLowerCase())) ?? otherwise;
