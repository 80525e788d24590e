/** `network inspect`: a network in the shape and with the field names of docker's API. */
import type { NetworkDetails, NetworkRecord } from "../../engine/api.ts";
import { goMap } from "../template/values.ts";

export function inspectNetwork({ network, containers }: NetworkDetails): object {
  return {
    Name: network.name,
    Id: network.id,
    Created: network.createdAt,
    Scope: "local",
    Driver: network.driver,
    EnableIPv4: network.enableIpv4,
    EnableIPv6: network.enableIpv6,
    IPAM: ipamOf(network),
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: goMap(
      Object.fromEntries(
        containers.map(({ containerId, name, endpointId, macAddress, address, address6 = "" }) => [
          containerId,
          {
            Name: name,
            EndpointID: endpointId,
            MacAddress: macAddress,
            IPv4Address: address,
            IPv6Address: address6,
          },
        ]),
      ),
    ),
    Options: goMap(network.options),
    Labels: goMap(network.labels),
  };
}

function ipamOf({ subnets, ipamOptions }: NetworkRecord): object {
  return {
    Driver: "default",
    Options: goMap(ipamOptions),
    Config: subnets.map(({ subnet, ipRange, gateway, reserved }) => ({
      Subnet: subnet,
      ...(ipRange !== undefined && { IPRange: ipRange }),
      ...(gateway !== undefined && { Gateway: gateway }),
      ...(reserved !== undefined && { AuxiliaryAddresses: goMap(reserved) }),
    })),
  };
}
