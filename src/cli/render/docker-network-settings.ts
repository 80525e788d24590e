/** NetworkSettings of `inspect`: a container's networks, with docker's field names. */
import type { ContainerState, ContainerSummary, Endpoint, EndpointOptions } from "../../engine/types.ts";
import { portName } from "../../network/ports/types.ts";
import { containerEndpoints, publishedOf, reachablePorts } from "../container-network.ts";
import { goMap, goSlice } from "../template/values.ts";
import { shortId } from "./table.ts";

const DEFAULT = "bridge";

export function networkSettings({ record, state }: ContainerSummary): object {
  const endpoints = containerEndpoints(record);
  const connectionOf = ({ networkId }: EndpointOptions): Endpoint | undefined =>
    state.networks?.find((each) => each.networkId === networkId);
  const first = endpoints.find(({ network }) => network === DEFAULT);
  return {
    Bridge: "",
    SandboxID: "",
    SandboxKey: sandboxOf(state),
    Ports: portMap({ record, state }),
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    // Docker's old fields speak of the default network alone.
    EndpointID: (first && connectionOf(first)?.endpointId) ?? "",
    ...addressesOf(first && connectionOf(first)),
    Networks: goMap(
      Object.fromEntries(
        endpoints.map((endpoint) => [
          endpoint.network,
          networkOf(endpoint, {
            connection: connectionOf(endpoint),
            containerId: record.id,
            name: record.name,
          }),
        ]),
      ),
    ),
  };
}

/** An exposed port that is not published has no binding: null. */
function portMap(summary: ContainerSummary): object {
  const ports: Record<string, object[] | null> = Object.fromEntries(
    reachablePorts(summary).map((port) => [port, null]),
  );
  for (const port of publishedOf(summary)) {
    const binding = { HostIp: port.hostAddress, HostPort: `${port.hostPort}` };
    ports[portName(port)] = [...(ports[portName(port)] ?? []), binding];
  }
  return goMap(ports);
}

const sandboxOf = ({ pid }: ContainerState): string => (pid > 0 ? `/proc/${pid}/ns/net` : "");

function networkOf(
  endpoint: EndpointOptions,
  { connection, containerId, name }: { connection: Endpoint | undefined; containerId: string; name: string },
): object {
  const isUserDefined = !["bridge", "host", "none"].includes(endpoint.network);
  const aliases = endpoint.aliases ?? [];
  return {
    IPAMConfig: ipamConfig(endpoint),
    Links: goSlice(endpoint.links),
    Aliases: goSlice(aliases),
    DriverOpts: endpoint.driverOptions ? goMap(endpoint.driverOptions) : null,
    GwPriority: endpoint.gatewayPriority ?? 0,
    NetworkID: endpoint.networkId ?? "",
    EndpointID: connection?.endpointId ?? "",
    ...addressesOf(connection),
    // What the network's resolver knows the container by.
    DNSNames: isUserDefined ? [...new Set([name, ...aliases, shortId(containerId)])] : null,
  };
}

function addressesOf(connection: Endpoint | undefined): object {
  const [address = "", prefix = "0"] = (connection?.address || "/0").split("/");
  const [address6 = "", prefix6 = "0"] = (connection?.address6 ?? "/0").split("/");
  return {
    Gateway: connection?.gateway ?? "",
    GlobalIPv6Address: address6,
    GlobalIPv6PrefixLen: Number(prefix6),
    IPAddress: address,
    IPPrefixLen: Number(prefix),
    IPv6Gateway: connection?.gateway6 ?? "",
    MacAddress: connection?.macAddress ?? "",
  };
}

function ipamConfig({ ipv4Address, ipv6Address, linkLocalAddresses }: EndpointOptions): object | null {
  const config = {
    ...(ipv4Address !== undefined && { IPv4Address: ipv4Address }),
    ...(ipv6Address !== undefined && { IPv6Address: ipv6Address }),
    ...(linkLocalAddresses !== undefined && { LinkLocalIPs: linkLocalAddresses }),
  };
  return Object.keys(config).length > 0 ? config : null;
}
