/** The ports of EXPOSE: `[[ADDRESS:]HOST:]PORT[-LAST][/PROTOCOL]`, of which only the last parts mean something. */

/** What is wrong with a port; the caller knows where it stands. */
export class PortError extends Error {}

export interface ExposedPorts {
  /** "80/tcp" */
  readonly ports: readonly string[];
  readonly protocol: string;
  /** An address or a port of the host was given: it has no effect. */
  readonly published: boolean;
}

/** @throws PortError in BuildKit's words */
export function readPorts(text: string): ExposedPorts {
  const parts = text.split(":");
  const container = parts.pop() ?? "";
  const host = parts.pop() ?? "";
  const address = parts.join(":");
  const slash = container.indexOf("/");
  const range = slash < 0 ? container : container.slice(0, slash);
  const protocol = (slash < 0 ? "" : container.slice(slash + 1)) || "tcp";
  if (range === "") throw new PortError(`invalid port: ${JSON.stringify(text)}: no port specified`);
  if (!/^(tcp|udp|sctp)$/i.test(protocol)) {
    throw new PortError(`invalid port: ${JSON.stringify(text)}: invalid proto: ${protocol}`);
  }
  checkAddress(address);
  const ports = portRange(range);
  if (ports === undefined) throw new PortError(`invalid containerPort: ${range}`);
  const hostPorts = host === "" ? ports : portRange(host);
  if (hostPorts === undefined) throw new PortError(`invalid hostPort: ${host}`);
  const [first, last] = ports;
  if (hostPorts[1] - hostPorts[0] !== last - first && first !== last) {
    throw new PortError(`invalid ranges specified for container and host Ports: ${range} and ${host}`);
  }
  const names = Array.from(
    { length: last - first + 1 },
    (_, index) => `${first + index}/${protocol.toLowerCase()}`,
  );
  return { ports: names, protocol, published: address !== "" || host !== "" };
}

/** The first and the last one; undefined for what is no range. */
function portRange(text: string): [number, number] | undefined {
  const [first = "", last = first, ...others] = text.split("-");
  if (others.length > 0 || !isPort(first) || !isPort(last)) return undefined;
  return Number(last) < Number(first) ? undefined : [Number(first), Number(last)];
}

function isPort(text: string): boolean {
  return /^\+?\d+$/.test(text) && Number(text) <= 65_535;
}

/** Addresses are not used, but a wrong one is refused. */
function checkAddress(address: string): void {
  const v6 = address.replace(/^\[(.*)\]$/, "$1");
  if (address === "" || /^(\d{1,3}\.){3}\d{1,3}$/.test(address) || /^[0-9a-f:.]*:[0-9a-f:.]*$/i.test(v6))
    return;
  throw new PortError(`invalid IP address: ${address}`);
}
