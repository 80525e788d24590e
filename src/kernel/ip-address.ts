/** IP addresses as the bytes that the kernel takes: 4 of IPv4, 16 of IPv6, in network order. */

/** The bytes of an address; undefined where the text is none. IPv6 without a zone (RFC 4291, section 2.2). */
export function ipBytes(text: string): Buffer | undefined {
  return text.includes(":") ? ipv6Bytes(text) : ipv4Bytes(text);
}

/** The address as text; IPv6 in the form of RFC 5952: lower case, the longest run of zeros as "::". */
export function ipText(bytes: Buffer): string {
  return bytes.length === 4 ? bytes.join(".") : ipv6Text(bytes);
}

function ipv4Bytes(text: string): Buffer | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined;
  const bytes = text.split(".").map(Number);
  return bytes.some((byte) => byte > 255) ? undefined : Buffer.from(bytes);
}

function ipv6Bytes(text: string): Buffer | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === "" ? [] : groupsOf(half.split(":"))));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...(tail ?? [])];
  const bytes = Buffer.alloc(16);
  for (const [at, group] of groups.entries()) bytes.writeUInt16BE(group, at * 2);
  return bytes;
}

/** 16 bits each; an IPv4 address at the end counts as two. */
function groupsOf(parts: string[]): number[] | undefined {
  const last = parts.at(-1) ?? "";
  const embedded = last.includes(".") ? ipv4Bytes(last) : undefined;
  const words = embedded === undefined ? parts : parts.slice(0, -1);
  if (!words.every((word) => /^[0-9a-f]{1,4}$/i.test(word))) return undefined;
  const groups = words.map((word) => Number.parseInt(word, 16));
  return embedded === undefined ? groups : [...groups, embedded.readUInt16BE(0), embedded.readUInt16BE(2)];
}

function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(at * 2));
  const { start, length } = longestZeros(groups);
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(":");
  if (length < 2) return hex(groups);
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
  }
  return best;
}
