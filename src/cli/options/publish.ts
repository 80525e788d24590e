/**
 * `-p [HOST-ADDRESS:][HOST-PORT[-LAST]:]CONTAINER-PORT[-LAST][/PROTOCOL]` as docker reads it, its long form
 * `target=80,published=8080,protocol=tcp`, and `--expose`.
 */
import type { PortProtocol, PortRequest } from "../../network/ports/types.ts";
import { parseCsvLine } from "./csv.ts";
import { isIp } from "./ip.ts";

interface Range {
  first: number;
  last: number;
}

/** One request for each port of the container; throws an Error in docker's words. */
export function parsePublish(text: string): PortRequest[] {
  const short = text.includes("=") ? shortForm(text) : text;
  const [spec, protocol] = splitProtocol(short);
  const { address, hostPorts, containerPorts } = splitAddress(spec);
  if (containerPorts === "") throw new Error(`no port specified: ${text}<empty>`);
  const container = parseRange(containerPorts, `invalid containerPort: ${containerPorts}`);
  if (container.first === 0) throw new Error(`invalid containerPort: ${containerPorts}`);
  const host = hostPorts === "" ? undefined : parseRange(hostPorts, `invalid hostPort: ${hostPorts}`);
  const count = container.last - container.first;
  if (host !== undefined && count > 0 && host.last - host.first !== count) {
    throw new Error(
      `invalid ranges specified for container and host Ports: ${containerPorts} and ${hostPorts}`,
    );
  }
  return Array.from({ length: count + 1 }, (_, offset): PortRequest => {
    const range = count > 0 && host ? { first: host.first + offset, last: host.first + offset } : host;
    return {
      containerPort: container.first + offset,
      protocol,
      ...(address !== "" && { hostAddress: address }),
      ...(range !== undefined && range.first !== 0 && { hostPorts: range }),
    };
  });
}

/** `--expose 80`, `8000-8010`, `53/udp`: each as "80/tcp". */
export function parseExpose(text: string): string[] {
  const [ports, protocol] = splitProtocol(text);
  const { first, last } = parseRange(ports, `invalid range format for --expose: ${text}`);
  return Array.from({ length: last - first + 1 }, (_, offset) => `${first + offset}/${protocol}`);
}

/** docker's long form, which it takes from `docker service`; its mode means nothing for one container. */
function shortForm(text: string): string {
  const fields = new Map<string, string>();
  for (const field of parseCsvLine(text)) {
    const [key = "", value] = field.split(/=(.*)/s);
    if (value === undefined) throw new Error(`invalid field ${field}`);
    if (!["target", "published", "protocol", "mode"].includes(key)) {
      throw new Error(`invalid publish opts format (should be name=value but got '${field}')`);
    }
    fields.set(key, value);
  }
  return `${fields.get("published") ?? ""}:${fields.get("target") ?? ""}/${fields.get("protocol") ?? "tcp"}`;
}

function splitProtocol(text: string): [string, PortProtocol] {
  const [ports = "", protocol = "tcp", ...rest] = text.split("/");
  const lower = protocol.toLowerCase();
  if (rest.length > 0 || !(lower === "tcp" || lower === "udp" || lower === "sctp")) {
    throw new Error(`invalid proto: ${[protocol, ...rest].join("/")}`);
  }
  return [ports, lower];
}

function splitAddress(spec: string): { address: string; hostPorts: string; containerPorts: string } {
  const parts = spec.split(":");
  const containerPorts = parts.pop() ?? "";
  const hostPorts = parts.pop() ?? "";
  const written = parts.join(":");
  const address = /^\[.*\]$/.test(written) ? written.slice(1, -1) : written;
  if (address !== "" && !isIp(address)) throw new Error(`invalid IP address: ${written}`);
  return { address, hostPorts, containerPorts };
}

function parseRange(text: string, complaint: string): Range {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const range = { first: Number(first), last: Number(last) };
  if (first === undefined || range.last > 65535 || range.first > range.last) throw new Error(complaint);
  return range;
}
