/** A line of `network ls`: docker's fields of a network. */
import type { NetworkSummary } from "../../engine/api.ts";
import type { ListFormat } from "./rows.ts";
import { shortId } from "./table.ts";
import { goTime } from "./time.ts";

export interface NetworkRow {
  CreatedAt: string;
  Driver: string;
  ID: string;
  IPv4: string;
  IPv6: string;
  Internal: string;
  Labels: string;
  Name: string;
  Scope: string;
  Label: (name: string) => string;
}

export const networkList: ListFormat<NetworkRow> = {
  headings: {
    ID: "NETWORK ID",
    Name: "NAME",
    Driver: "DRIVER",
    Scope: "SCOPE",
    IPv4: "IPV4",
    IPv6: "IPV6",
    Internal: "INTERNAL",
    Labels: "LABELS",
    CreatedAt: "CREATED AT",
  },
  columns: ["ID", "Name", "Driver", "Scope"],
};

export function networkRow(network: NetworkSummary, { truncate }: { truncate: boolean }): NetworkRow {
  return {
    CreatedAt: goTime(network.createdAt),
    Driver: network.driver,
    ID: truncate ? shortId(network.id) : network.id,
    IPv4: String(network.enableIpv4),
    IPv6: String(network.enableIpv6),
    Internal: String(network.internal),
    Labels: Object.entries(network.labels)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, text]) => `${key}=${text}`)
      .join(","),
    Name: network.name,
    Scope: "local",
    Label: (name) => network.labels[name] ?? "",
  };
}
