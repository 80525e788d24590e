/** volume create: a volume, made or found. */
import { TsrunError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import { recordEvent } from "../events.ts";
import { generateId } from "../names.ts";
import { openDriver } from "./drivers.ts";
import { ANONYMOUS_LABEL, addVolume, type HeldVolume, holdVolume, type VolumeRecord } from "./records.ts";
import { LOCAL_DRIVER, validateLocalOptions, validateVolumeName } from "./validate.ts";

export interface VolumeSpec {
  /** "" for a random one. */
  name: string;
  driver?: string | undefined;
  options?: Record<string, string> | undefined;
  labels?: Record<string, string> | undefined;
  /** false: it need not survive a power failure. */
  durable?: boolean;
}

/** A volume that exists, and that is locked; `isNew` where it was made just now. */
export interface ProvidedVolume extends HeldVolume {
  isNew: boolean;
}

/**
 * The volume of that name, made where there is none. Throws ERR_TSRUN_VOLUME_NAME_INVALID, _OPTION_INVALID,
 * _CONFLICT where the name is another driver's, and ERR_TSRUN_VOLUME_DRIVER_NOT_FOUND or _FAILED.
 */
export async function provideVolume(context: EngineContext, spec: VolumeSpec): Promise<ProvidedVolume> {
  const record = recordOf(spec);
  const { name, driver, options } = record;
  validateVolumeName(name);
  if (driver === LOCAL_DRIVER) validateLocalOptions(name, options);
  for (;;) {
    const found = await holdVolume(context.paths, name);
    if (found) {
      if (spec.driver === undefined || spec.driver === found.record.driver) return { ...found, isNew: false };
      found[Symbol.dispose]();
      throw conflict(found.record, driver);
    }
    if (driver !== LOCAL_DRIVER) await (await openDriver(driver)).create(name, options);
    if (!addVolume(context.paths, record, { durable: spec.durable ?? true })) continue;
    recordEvent(context, { type: "volume", action: "create", id: name, attributes: { driver } });
    const made = await holdVolume(context.paths, name);
    if (made) return { ...made, isNew: true };
  }
}

/** Returns the volume's record; one of that name and driver that exists is as good as new, as with docker. */
export async function createVolume(context: EngineContext, spec: VolumeSpec): Promise<VolumeRecord> {
  using volume = await provideVolume(context, spec);
  return volume.record;
}

function recordOf({ name, driver = LOCAL_DRIVER, options = {}, labels = {} }: VolumeSpec): VolumeRecord {
  return {
    version: 1,
    name: name === "" ? generateId() : name,
    driver,
    options,
    labels: name === "" ? { ...labels, [ANONYMOUS_LABEL]: "" } : labels,
    createdAt: `${new Date().toISOString().slice(0, 19)}Z`,
  };
}

function conflict({ name, driver }: VolumeRecord, wanted: string): TsrunError {
  return new TsrunError(
    "ERR_TSRUN_VOLUME_CONFLICT",
    `create ${name}: conflict: volume name must be unique: ${name} is a volume of the driver ${driver}, not ${wanted}`,
    { hint: `choose another name, or remove that one: tsrun volume rm ${name}` },
  );
}
