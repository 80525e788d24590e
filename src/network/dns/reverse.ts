/** Addresses as names of in-addr.arpa and ip6.arpa, RFC 1035 3.5 and RFC 3596 2.5. */
import { ipBytes } from "../../kernel/ip-address.ts";

/** The name under which an address' own name is asked for; undefined where the text is no address. */
export function reverseName(address: string): string | undefined {
  const bytes = ipBytes(address);
  if (bytes === undefined) return undefined;
  if (bytes.length === 4) return `${bytes.reverse().join(".")}.in-addr.arpa`;
  return `${[...bytes.toString("hex")].reverse().join(".")}.ip6.arpa`;
}
