/**
 * What a container may call others, by docker's rules: on each user-defined network that it is on, their names, their
 * aliases on that network, the first twelve digits of their ids (all 64 are more than a label can hold, RFC 1035
 * 2.3.4), and each of these followed by the network's name; and for itself alone what its links say.
 */
import { addressPart } from "../ip.ts";
import type { Directory, NamedEndpoint, Network } from "./directory.ts";
import type { NameRecord } from "./message.ts";
import { reverseName } from "./reverse.ts";

export interface Names {
  /** What `name`, in lower case, stands for; undefined where it is nobody's here. An empty list: nothing of this type. */
  find(name: string, type: string): readonly NameRecord[] | undefined;
  /** Whether any of its networks leads out; one that is internal does not, for names either. */
  leadsOut(): boolean;
}

/** What there is to know of a network beside who is on it. */
export interface NetworkKind {
  /** Names are resolved on it; on the default one they are not. */
  userDefined: boolean;
  internal: boolean;
}

const SHORT_ID = 12;

/** The names that the container can use now; `kindOf` is undefined for a network that is no more. */
export function openNames(
  directory: Directory,
  { containerId, kindOf }: { containerId: string; kindOf: (networkId: string) => NetworkKind | undefined },
): Names {
  let basis = "";
  let scopes: readonly Scope[] = [];
  const turns = new Map<string, number>();

  const ownNetworks = (): Network[] =>
    directory.networks().filter(({ endpoints }) => endpoints.has(containerId));

  function current(): readonly Scope[] {
    const mine = ownNetworks().filter(({ id }) => kindOf(id)?.userDefined);
    const now = mine.map(({ id, version }) => `${id} ${version}`).join();
    if (now !== basis) scopes = mine.map((network) => scopeOf(network, containerId)).sort(byInterface);
    basis = now;
    return scopes;
  }

  /** Where several answer to a name, each of them is the first in turn. */
  function rotated(question: string, records: readonly NameRecord[]): readonly NameRecord[] {
    if (records.length < 2) return records;
    const turn = turns.get(question) ?? 0;
    turns.set(question, turn + 1);
    const start = turn % records.length;
    return [...records.slice(start), ...records.slice(0, start)];
  }

  return {
    find(name, type) {
      for (const [scope, ownName] of candidates(current(), name)) {
        const found = scope.records.get(ownName);
        if (found === undefined) continue;
        return rotated(
          `${name} ${type}`,
          found.filter((record) => record.type === type || type === "ANY"),
        );
      }
      return undefined;
    },
    leadsOut: () => ownNetworks().some(({ id }) => kindOf(id)?.internal === false),
  };
}

/** One network as one container sees it. */
interface Scope {
  network: string;
  interface: string;
  records: Map<string, NameRecord[]>;
}

/** "a.b.c" is that name on any network, "a.b" on network "c", or "a" on network "b.c". */
function* candidates(scopes: readonly Scope[], name: string): Generator<[Scope, string]> {
  for (const scope of scopes) yield [scope, name];
  for (let dot = name.lastIndexOf("."); dot > 0; dot = name.lastIndexOf(".", dot - 1)) {
    const network = name.slice(dot + 1);
    for (const scope of scopes) if (scope.network === network) yield [scope, name.slice(0, dot)];
  }
}

function scopeOf({ endpoints }: Network, containerId: string): Scope {
  const records: Scope["records"] = new Map();
  const add = (name: string, found: readonly NameRecord[]): void => {
    const key = name.toLowerCase();
    const others = records.get(key);
    if (others === undefined) records.set(key, [...found]);
    else others.push(...found);
  };
  for (const endpoint of endpoints.values()) {
    const addresses = addressesOf(endpoint);
    for (const name of ownNames(endpoint)) add(name, addresses);
    for (const { data } of addresses) {
      const reverse = reverseName(data);
      const own: NameRecord = { type: "PTR", data: `${endpoint.name}.${endpoint.network}` };
      if (reverse !== undefined) add(reverse, [own]);
    }
  }
  const self = endpoints.get(containerId) as NamedEndpoint;
  for (const link of self.links) {
    const [target = "", alias = target] = link.split(":");
    const linked = endpoints.get(target);
    if (linked !== undefined) records.set(alias.toLowerCase(), [...addressesOf(linked)]);
  }
  return { network: self.network.toLowerCase(), interface: self.interface, records };
}

/** Each once, whatever the aliases repeat. */
const ownNames = ({ name, aliases, containerId }: NamedEndpoint): Set<string> =>
  new Set([name, ...aliases, containerId.slice(0, SHORT_ID)].map((each) => each.toLowerCase()));

function addressesOf({ address, address6 }: NamedEndpoint): NameRecord[] {
  const found: NameRecord[] = [];
  if (address) found.push({ type: "A", data: addressPart(address) });
  if (address6) found.push({ type: "AAAA", data: addressPart(address6) });
  return found;
}

/** eth2 before eth10. */
const byInterface = (a: Scope, b: Scope): number =>
  a.interface.localeCompare(b.interface, "en", { numeric: true });
