/** Capabilities by name and number (capabilities(7), linux/capability.h), and which of them a container gets. */
import { readFileSync } from "node:fs";
import { editDistance } from "../edit-distance.ts";
import { TsrunError } from "../errors.ts";

/** In the order of their numbers: CAP_CHOWN is 0. */
const NAMES: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
];

const NUMBERS: ReadonlyMap<string, number> = new Map(NAMES.map((name, number) => [name, number]));

/** All that this version of tsrun knows, in the order of their numbers. */
export const capabilityNames = (): readonly string[] => NAMES;

/** What docker leaves to root in a container: CapEff 00000000a80425fb. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SYS_CHROOT",
  "CAP_MKNOD",
  "CAP_AUDIT_WRITE",
  "CAP_SETFCAP",
];

/** The number of a capability that capabilities(7) names; throws ERR_TSRUN_CAPABILITY_UNKNOWN for other names. */
export function capabilityNumber(name: string): number {
  const number = NUMBERS.get(name);
  if (number === undefined) throw unknownCapability(name);
  return number;
}

/** The set as /proc/pid/status prints it, 16 hexadecimal digits. */
export function formatCapabilities(names: Iterable<string>): string {
  let mask = 0n;
  for (const name of names) mask |= 1n << BigInt(capabilityNumber(name));
  return mask.toString(16).padStart(16, "0");
}

/** The names in a mask as /proc/pid/status prints it; numbers newer than this list have no name and are left out. */
export function parseCapabilities(hex: string): string[] {
  const mask = BigInt(`0x${hex}`);
  return NAMES.filter((_, number) => (mask >> BigInt(number)) & 1n);
}

let own: readonly string[] | undefined;

/**
 * What this process may hand on: its permitted set within its bounding set. The kernel's last one bounds both. Looked
 * up once: nothing in a Node process changes its capabilities.
 */
export function ownCapabilities(): readonly string[] {
  own ??= readOwnCapabilities();
  return own;
}

function readOwnCapabilities(): string[] {
  const status = readFileSync("/proc/self/status", "latin1");
  const set = (field: string): string[] =>
    parseCapabilities(new RegExp(`^${field}:\\s*([0-9a-f]+)`, "m").exec(status)?.[1] ?? "0");
  const bounding = new Set(set("CapBnd"));
  return set("CapPrm").filter((name) => bounding.has(name));
}

export interface CapabilityRequest {
  /** --cap-add and --cap-drop: any case, with or without CAP_, or ALL. */
  add?: readonly string[];
  drop?: readonly string[];
  privileged?: boolean;
  /** What can be given at all; ownCapabilities() unless the container gets a user namespace with a full set. */
  available?: readonly string[];
}

/**
 * The capabilities of a container's root, in the order of their numbers, with docker's meaning of the options:
 * privileged is everything; ADD ALL is everything but the dropped; DROP ALL is only the added; else the default set
 * without the dropped and with the added. Defaults that tsrun itself lacks are left out, an explicitly added one that
 * it lacks is ERR_TSRUN_CAPABILITY_UNAVAILABLE.
 */
export function effectiveCapabilities(request: CapabilityRequest = {}): string[] {
  const add = new Set((request.add ?? []).map(normalize));
  const drop = new Set((request.drop ?? []).map(normalize));
  const available = new Set(request.available ?? ownCapabilities());

  const inOrder = (wanted: (name: string) => boolean): string[] =>
    NAMES.filter((name) => wanted(name) && available.has(name));
  if (request.privileged === true) return inOrder(() => true);
  if (add.has("ALL")) return inOrder((name) => !drop.has(name));

  const missing = [...add].find((name) => !available.has(name));
  if (missing !== undefined) {
    throw new TsrunError(
      "ERR_TSRUN_CAPABILITY_UNAVAILABLE",
      `${missing} cannot be added: tsrun has not got it itself`,
      {
        hint: "see `grep Cap /proc/self/status`: this kernel, or what started tsrun, withholds it",
      },
    );
  }
  if (drop.has("ALL")) return inOrder((name) => add.has(name));
  const defaults = new Set(DEFAULT_CAPABILITIES);
  return inOrder((name) => add.has(name) || (defaults.has(name) && !drop.has(name)));
}

function normalize(given: string): string {
  const upper = given.toUpperCase();
  if (upper === "ALL" || upper === "CAP_ALL") return "ALL";
  const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  if (!NUMBERS.has(name)) throw unknownCapability(given);
  return name;
}

/** Edits between a typing error and what was meant, at most. */
const FARTHEST = 2;

function unknownCapability(given: string): TsrunError {
  const name = given.toUpperCase().replace(/^(CAP_)?/, "CAP_");
  const nearest = NAMES.map((each) => ({ each, distance: editDistance(name, each) })).reduce((best, next) =>
    next.distance < best.distance ? next : best,
  );
  const hint =
    nearest.distance <= FARTHEST ? `did you mean ${nearest.each}?` : "man 7 capabilities lists them";
  return new TsrunError("ERR_TSRUN_CAPABILITY_UNKNOWN", `unknown capability "${given}"`, { hint });
}
