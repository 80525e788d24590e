/** Limits that both versions of cgroups keep in the same form. */
import type { OciResources } from "../oci.ts";
import type { Setting } from "./setting.ts";
import type { Words } from "./words.ts";

export function pidsSettings(pids: OciResources["pids"], words: Words): Setting[] {
  if (pids?.limit === undefined) return [];
  return [
    {
      controller: "pids",
      option: "--pids-limit",
      files: { "pids.max": pidsMax(pids.limit, words) },
    },
  ];
}

/** A group of no processes cannot hold a container: zero is docker's "no limit", and in a configuration one. */
function pidsMax(limit: number, words: Words): string {
  if (limit > 0) return String(limit);
  return limit === 0 && words === "oci" ? "1" : "max";
}

/**
 * Reservations are limited where the kernel counts them (Linux 5.7), because they fail at mmap(2) instead of with
 * SIGBUS later; use is limited in any case. `suffix`: what the limit's file is called on this version.
 */
export function hugepageSettings(
  limits: OciResources["hugepageLimits"],
  suffix: "limit_in_bytes" | "max",
): Setting[] {
  return (limits ?? []).flatMap(({ pageSize, limit }): Setting[] => {
    const setting = { controller: "hugetlb", option: "hugepageLimits" };
    const value = String(limit);
    return [
      { ...setting, files: { [`hugetlb.${pageSize}.${suffix}`]: value } },
      { ...setting, files: { [`hugetlb.${pageSize}.rsvd.${suffix}`]: value }, implied: true },
    ];
  });
}

export function rdmaSettings(rdma: OciResources["rdma"]): Setting[] {
  return Object.entries(rdma ?? {}).map(([device, { hcaHandles, hcaObjects }]) => ({
    controller: "rdma",
    option: `rdma.${device}`,
    files: {
      "rdma.max": [
        device,
        ...(hcaHandles === undefined ? [] : [`hca_handle=${hcaHandles}`]),
        ...(hcaObjects === undefined ? [] : [`hca_object=${hcaObjects}`]),
      ].join(" "),
    },
  }));
}
