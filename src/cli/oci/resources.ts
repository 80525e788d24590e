/** The resources that the flags of `update` name, or the file that they name. */
import { readFileSync } from "node:fs";
import { invalidRequest } from "../../oci/errors.ts";
import { warn } from "../../oci/warnings.ts";
import type { OciResources } from "../../runtime/oci.ts";
import { parseResources } from "../../runtime/oci-validate/read.ts";
import { parseSwap } from "../options/bytes.ts";
import type { Values } from "./command.ts";

const STDIN = 0;

/** Throws ERR_TSRUN_OCI_REQUEST_INVALID. */
export function resourcesOf(flags: Values): OciResources {
  const file = flags.text("resources");
  const resources = file === undefined ? fromFlags(flags) : fromFile(file);
  const { kernel, kernelTCP } = resources.memory ?? {};
  if (kernel !== undefined || kernelTCP !== undefined) {
    warn("Kernel memory settings are ignored and will be removed");
  }
  return resources;
}

function fromFile(file: string): OciResources {
  const text = readFileSync(file === "-" ? STDIN : file, "utf8");
  try {
    return parseResources(text);
  } catch (error) {
    throw invalidRequest(`invalid resources: ${(error as Error).message}`, error);
  }
}

function fromFlags(flags: Values): OciResources {
  const read = <T>(name: string, parse: (text: string) => T): T | undefined => {
    const text = flags.text(name);
    if (text === undefined) return undefined;
    try {
      return parse(text);
    } catch (error) {
      throw invalidRequest(`invalid value for ${name}: ${(error as Error).message}`, error);
    }
  };
  const memory = given({
    limit: read("memory", parseSwap),
    swap: read("memory-swap", parseSwap),
    reservation: read("memory-reservation", parseSwap),
    kernel: read("kernel-memory", parseSwap),
    kernelTCP: read("kernel-memory-tcp", parseSwap),
  });
  const cpu = given({
    shares: read("cpu-share", natural),
    period: read("cpu-period", natural),
    quota: read("cpu-quota", integer),
    burst: read("cpu-burst", natural),
    realtimePeriod: read("cpu-rt-period", natural),
    realtimeRuntime: read("cpu-rt-runtime", integer),
    idle: read("cpu-idle", integer),
    cpus: flags.text("cpuset-cpus"),
    mems: flags.text("cpuset-mems"),
  });
  const blockIO = given({ weight: flags.number("blkio-weight") || undefined });
  const pids = given({ limit: flags.number("pids-limit") });
  return given({ memory, cpu, blockIO, pids });
}

function integer(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw new Error(`parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

function natural(text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

/** Without the fields, and the groups of fields, that were not given. */
function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) => value !== undefined && !(typeof value === "object" && Object.keys(value).length === 0),
    ),
  ) as never;
}
