/**
 * Device rules (config-linux.md, "Allowed Device list"), of which later ones override earlier ones. v2 runs a program
 * that follows them in order; v1 keeps a default and its exceptions in the kernel, to which devicePolicy() reduces them.
 */
import type { OciResources } from "../oci.ts";
import { limitInvalid, limitUnsupported } from "./errors.ts";

export type DeviceRule = NonNullable<OciResources["devices"]>[number];

export interface DeviceException {
  type: "c" | "b";
  /** undefined: any. */
  major: number | undefined;
  minor: number | undefined;
  /** Bits of linux/bpf.h BPF_DEVCG_ACC_*: 1 mknod, 2 read, 4 write. */
  access: number;
}

/** A rule for one type of devices. */
export interface OrderedRule extends DeviceException {
  allow: boolean;
}

export interface DevicePolicy {
  /** What happens to a device that no exception names; an exception turns it around. */
  allowByDefault: boolean;
  exceptions: DeviceException[];
}

const BITS: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };
const EVERYTHING = 7;

/** Not the specification's, but configurations have it: every access, as it is every type. */
const EVERY_ACCESS = "a";

/** What the rules come to where a later one overrides: those after the last that is about everything, and its verdict. */
export function orderedRules(rules: readonly DeviceRule[]): { otherwise: boolean; rules: OrderedRule[] } {
  let otherwise = true;
  const ordered: OrderedRule[] = [];
  for (const rule of rules) {
    const access = accessBits(rule.access);
    if (isAboutEverything(rule, access)) {
      otherwise = rule.allow;
      ordered.length = 0;
      continue;
    }
    for (const type of typesOf(rule)) {
      const [major, minor] = [anyNumber(rule.major), anyNumber(rule.minor)];
      ordered.push({ type, major, minor, access, allow: rule.allow });
    }
  }
  return { otherwise, rules: ordered };
}

/** The rules in order, each overriding those before it; undefined where they restrict nothing. */
export function devicePolicy(rules: readonly DeviceRule[] | undefined): DevicePolicy | undefined {
  let allowByDefault = true;
  let exceptions: DeviceException[] = [];
  for (const rule of rules ?? []) {
    const access = accessBits(rule.access);
    if (isAboutEverything(rule, access)) {
      allowByDefault = rule.allow;
      exceptions = [];
      continue;
    }
    for (const type of typesOf(rule)) {
      const change = { type, major: anyNumber(rule.major), minor: anyNumber(rule.minor), access };
      exceptions =
        rule.allow === allowByDefault ? without(exceptions, change, rule) : withException(exceptions, change);
    }
  }
  return allowByDefault && exceptions.length === 0 ? undefined : { allowByDefault, exceptions };
}

/** "c 1:3 rwm", as v1's devices.allow and devices.deny take it. */
export function formatException(exception: DeviceException): string {
  const access = Object.entries(BITS).filter(([, bit]) => (exception.access & bit) !== 0);
  const letters = access.map(([letter]) => letter).join("");
  return `${exception.type} ${exception.major ?? "*"}:${exception.minor ?? "*"} ${letters}`;
}

function withException(exceptions: DeviceException[], added: DeviceException): DeviceException[] {
  const same = exceptions.find((each) => isSameDevice(each, added));
  if (same === undefined) return [...exceptions, added];
  return exceptions.map((each) => (each === same ? { ...each, access: each.access | added.access } : each));
}

function without(
  exceptions: DeviceException[],
  removed: DeviceException,
  rule: DeviceRule,
): DeviceException[] {
  const left: DeviceException[] = [];
  for (const each of exceptions) {
    if (isCovered(each, removed)) {
      const access = each.access & ~removed.access;
      if (access !== 0) left.push({ ...each, access });
    } else if (isCovered(removed, each) && (each.access & removed.access) !== 0) {
      // A hole in a wildcard has no form in v1's lists, where it would do nothing.
      throw limitUnsupported(
        `the device rule "${rule.allow ? "allow" : "deny"} ${formatException(removed)}"`,
        `an earlier rule, "${formatException(each)}", covers more devices`,
        "name the devices one by one instead of taking one out of a wildcard",
      );
    } else {
      left.push(each);
    }
  }
  return left;
}

const isSameDevice = (a: DeviceException, b: DeviceException): boolean =>
  a.type === b.type && a.major === b.major && a.minor === b.minor;

/** Whether `wide` names every device that `narrow` names. */
const isCovered = (narrow: DeviceException, wide: DeviceException): boolean =>
  narrow.type === wide.type &&
  (wide.major === undefined || wide.major === narrow.major) &&
  (wide.minor === undefined || wide.minor === narrow.minor);

const isAboutEverything = ({ type, major, minor }: DeviceRule, access: number): boolean =>
  isEveryType(type) &&
  anyNumber(major) === undefined &&
  anyNumber(minor) === undefined &&
  access === EVERYTHING;

const typesOf = ({ type }: DeviceRule): readonly ("c" | "b")[] =>
  isEveryType(type) ? ["c", "b"] : [deviceType(type)];

const isEveryType = (type: string | undefined): boolean => type === undefined || type === "" || type === "a";

/** The specification lets -1 stand for any number too. */
const anyNumber = (value: number | undefined): number | undefined => (value === -1 ? undefined : value);

function deviceType(type: string | undefined): "c" | "b" {
  // "u" is an unbuffered character device (mknod(1)).
  if (type === "c" || type === "u") return "c";
  if (type === "b") return "b";
  throw limitInvalid(
    `device rule: "${type}" is not a device type`,
    "use a (all), b (block) or c (character)",
  );
}

function accessBits(access: string | undefined): number {
  if (access === undefined || access === "") return EVERYTHING;
  let bits = 0;
  for (const letter of access) {
    const bit = letter === EVERY_ACCESS ? EVERYTHING : BITS[letter];
    if (bit === undefined) {
      throw limitInvalid(
        `device rule: "${access}" is not an access`,
        "use r (read), w (write) and m (mknod)",
      );
    }
    bits |= bit;
  }
  return bits;
}
