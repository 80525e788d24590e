/** Addresses and names for `--dns`, `--dns-search` and `--add-host`. */

/** Whether the text is an IPv4 or IPv6 address. node:net is not loaded before it is needed: it costs a millisecond. */
export function isIp(text: string): boolean {
  return process.getBuiltinModule("node:net").isIP(text) !== 0;
}

export function parseDns(text: string): string {
  const address = text.trim();
  if (!isIp(address)) throw new Error(`IP address is not correctly formatted: ${text}`);
  return address;
}

/** A search domain; "." means none at all. */
export function parseSearchDomain(text: string): string {
  const domain = text.trim();
  if (domain === ".") return domain;
  const labels = domain.replace(/\.$/, "").split(".");
  if (
    domain.length > 255 ||
    !labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label))
  ) {
    throw new Error(`${text} is not a valid domain`);
  }
  return domain;
}
