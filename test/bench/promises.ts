/**
 * What tsrun promises of its speed, in ratios to its peers measured in the same run on the same machine: absolute
 * times are only promised of what no peer has. `npm run bench -- --check` fails when one is missed.
 */
export type Workload = "none" | "bridge" | "exec" | "pull" | "many" | "oci" | BuildWorkload;

/** A build anew, from the cache, and with a late change. */
export type BuildWorkload = "build-cold" | "build-warm" | "build-late";

export const ratios: Record<Workload, Record<string, number>> = {
  none: { docker: 0.3, podman: 0.6 },
  bridge: { docker: 0.3, podman: 0.5 },
  exec: { docker: 0.75 },
  pull: { docker: 0.4, podman: 0.28, skopeo: 2.2 },
  many: { docker: 0.5, podman: 0.7 },
  // Most of it is what node takes to start.
  oci: { runc: 1.9 },
  "build-cold": { docker: 0.6 },
  "build-warm": { docker: 0.3 },
  "build-late": {},
};

/** A container on a bridge, of the time of one without a network, and so many milliseconds more. */
export const bridge = { ratio: 1.25, milliseconds: 10 };

/** From a container to its neighbour, from the host to a container, from the host to a port of its 127.0.0.1. */
export type Route = "neighbour" | "host" | "published";

/** At least this much of what docker's network carries, its userland proxy on 127.0.0.1 included. */
export const throughput: Record<Route, number> = { neighbour: 0.95, host: 0.95, published: 1.15 };

/** Milliseconds from the library's call to the first instruction of the container's process. */
export const libraryLatency = 10;

/** MiB of memory that one container's monitor occupies (PSS). */
export const monitorMemory = 1;

/** A pull that brings nothing, of the time that a node takes to load its HTTP client and ask for the manifest. */
export const upToDateRatio = 1.5;

/** MiB that a pull has resident at most. */
export const pullMemory = 200;
