/** A container's network and its ports, as docker writes them: "80/tcp". */
import type { ContainerRecord, ContainerSummary } from "../engine/types.ts";

export const networkOf = (record: ContainerRecord): string => record.options.network ?? "bridge";

/** What the image says that its program listens on, by number. */
export function exposedPorts({ imageConfig }: ContainerRecord): string[] {
  return Object.keys(imageConfig.ExposedPorts ?? {})
    .map((port) => (port.includes("/") ? port : `${port}/tcp`))
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1));
}

/** Those that others on its network can reach now. */
export function reachablePorts({ record, state }: ContainerSummary): string[] {
  return state.status === "running" && networkOf(record) === "bridge" ? exposedPorts(record) : [];
}

/**
 * Docker's notation of ports in filters: "80", "8000-8080", each with "/tcp" (which is meant without it), "/udp" or
 * "/sctp". Returns whether a port is meant; throws on anything else.
 */
export function parsePortRange(text: string): (port: string) => boolean {
  const [, first, last = first, protocol = "tcp"] =
    /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === undefined || from > to || from < 1 || to > 65535) throw new Error(`invalid port: ${text}`);
  return (port) => {
    const [number, its] = port.split("/");
    return its === protocol && Number(number) >= from && Number(number) <= to;
  };
}
