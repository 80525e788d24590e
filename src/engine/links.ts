/**
 * `--link` on the default network, where no resolver answers: lines in /etc/hosts and variables in the environment,
 * as docker makes them. On other networks a link is one more name, which the network's resolver knows.
 */
import { TsrunError } from "../errors.ts";
import { readEndpoint } from "../network/endpoints.ts";
import { addressPart } from "../network/ip.ts";
import { BRIDGE } from "../network/predefined.ts";
import type { Paths } from "../store/paths.ts";
import { endpointsOf } from "./network-mode.ts";
import { readRecord } from "./records.ts";
import type { ContainerRecord } from "./types.ts";
import { linkTarget } from "./validate-network.ts";

interface Link {
  alias: string;
  record: ContainerRecord;
  address: string;
}

/** All that a container is linked to, or what of it runs. */
export type Linked = "all" | "running";

/** The lines of /etc/hosts: the alias first, then the container's host name and name. */
export function linkedHosts(
  paths: Paths,
  record: ContainerRecord,
  linked: Linked,
): { address: string; names: string[] }[] {
  return linksOf(paths, record, linked).map(({ alias, record: { hostname, name }, address }) => ({
    address,
    names: [...new Set([alias, hostname, name])],
  }));
}

/** KEY=VALUE: where the linked containers are, what ports they expose, and their own environment. */
export function linkEnvironment(paths: Paths, record: ContainerRecord): string[] {
  return linksOf(paths, record, "all").flatMap(({ alias, record: target, address }) => {
    const prefix = alias.toUpperCase().replaceAll("-", "_");
    const ports = Object.keys(target.imageConfig.ExposedPorts ?? {}).map((port) => {
      const [number = "", protocol = "tcp"] = port.split("/");
      return { number, protocol };
    });
    ports.sort((a, b) => Number(a.number) - Number(b.number));
    const url = ({ number, protocol }: (typeof ports)[number]): string =>
      `${protocol}://${address}:${number}`;
    const [first] = ports;
    return [
      ...(first ? [`${prefix}_PORT=${url(first)}`] : []),
      ...ports.flatMap((port) => {
        const name = `${prefix}_PORT_${port.number}_${port.protocol.toUpperCase()}`;
        const { number, protocol } = port;
        return [
          `${name}=${url(port)}`,
          `${name}_ADDR=${address}`,
          `${name}_PORT=${number}`,
          `${name}_PROTO=${protocol}`,
        ];
      }),
      `${prefix}_NAME=/${record.name}/${alias}`,
      ...target.env
        .filter((entry) => !/^(PATH|HOME|HOSTNAME)=/.test(entry))
        .map((entry) => `${prefix}_ENV_${entry}`),
    ];
  });
}

/** The record with its links as their containers are called now: what is written down is their ids. */
export function withLinkNames(paths: Paths, record: ContainerRecord): ContainerRecord {
  const { endpoints } = record;
  if (!endpoints?.some(({ links = [] }) => links.length > 0)) return record;
  const named = (link: string): string => {
    const [target = "", alias = target] = link.split(":");
    return `${readRecord(paths, target)?.name ?? target}:${alias}`;
  };
  return {
    ...record,
    endpoints: endpoints.map((each) => (each.links ? { ...each, links: each.links.map(named) } : each)),
  };
}

/** Throws what linkOf does, of "all". */
function linksOf(paths: Paths, record: ContainerRecord, linked: Linked): Link[] {
  const links = endpointsOf(record).find(({ networkId }) => networkId === BRIDGE.id)?.links ?? [];
  return links.flatMap((link) => {
    try {
      return linkOf(paths, record, link);
    } catch (error) {
      if (linked === "running" && error instanceof TsrunError) return [];
      throw error;
    }
  });
}

/** ERR_TSRUN_CONTAINER_NOT_RUNNING where the linked container does not run on the default network. */
function linkOf(paths: Paths, record: ContainerRecord, link: string): Link {
  const { record: target, alias } = linkTarget(paths, link);
  if (!endpointsOf(target).some(({ networkId }) => networkId === BRIDGE.id)) {
    throw new TsrunError(
      "ERR_TSRUN_OPTION_CONFLICT",
      `Cannot link to /${target.name}, as it does not belong to the default network`,
      { hint: "put both on a network of their own, where every container finds every other by its name" },
    );
  }
  const endpoint = readEndpoint(paths, BRIDGE.id, target.id);
  if (endpoint === undefined) {
    throw new TsrunError(
      "ERR_TSRUN_CONTAINER_NOT_RUNNING",
      `Cannot link to a non running container: /${target.name} AS /${record.name}/${alias}`,
      { hint: `tsrun start ${target.name}` },
    );
  }
  return { alias, record: target, address: addressPart(endpoint.address) };
}
