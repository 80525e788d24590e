/** What can be said of a volume's name and options without looking at anything; docker's rules and words. */
import { TsrunError } from "../../errors.ts";
import type { ImageRequest, VolumeRequest } from "../types.ts";

export const LOCAL_DRIVER = "local";

/** Options that only make sense with others: the filesystem's type, what is mounted, and how. */
const LOCAL_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  type: ["device"],
  device: ["type"],
  o: ["device", "type"],
};

/** Throws ERR_TSRUN_VOLUME_NAME_INVALID. The names of other drivers' volumes are names of directories here too. */
export function validateVolumeName(name: string): void {
  if (name.length < 2) {
    throw new TsrunError(
      "ERR_TSRUN_VOLUME_NAME_INVALID",
      `create ${name}: volume name is too short, names should be at least two alphanumeric characters`,
    );
  }
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name) && name.length <= 255) return;
  throw new TsrunError(
    "ERR_TSRUN_VOLUME_NAME_INVALID",
    `create ${name}: ${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
  );
}

/** The options of the driver "local"; throws ERR_TSRUN_VOLUME_OPTION_INVALID. */
export function validateLocalOptions(name: string, options: Readonly<Record<string, string>>): void {
  for (const option of Object.keys(options)) {
    const others = Object.hasOwn(LOCAL_OPTIONS, option) ? LOCAL_OPTIONS[option] : undefined;
    if (others === undefined)
      throw invalidOption(`create ${name}: invalid option: ${JSON.stringify(option)}`);
    const missing = others.find((other) => !options[other]);
    if (missing !== undefined)
      throw invalidOption(`create ${name}: missing required option: ${JSON.stringify(missing)}`);
  }
}

/** The part of a mount request that is about the volume or image itself. */
export function validateVolumeRequest(request: VolumeRequest | ImageRequest): void {
  const { subpath } = request;
  if (subpath !== undefined && (subpath === "" || subpath.startsWith("/") || escapes(subpath))) {
    throw new TsrunError(
      "ERR_TSRUN_VOLUME_SUBPATH_INVALID",
      `invalid mount config for type "${request.type}": subpath must be a relative path within the ${request.type}: ${subpath}`,
    );
  }
  if (request.type === "image") return;
  if (request.name !== "") validateVolumeName(request.name);
  else if (subpath !== undefined) {
    throw new TsrunError(
      "ERR_TSRUN_VOLUME_SUBPATH_INVALID",
      'invalid mount config for type "volume": must not set Subpath when using anonymous volumes',
    );
  }
  if ((request.driver ?? LOCAL_DRIVER) === LOCAL_DRIVER)
    validateLocalOptions(request.name, request.driverOptions ?? {});
}

const escapes = (path: string): boolean => path.split("/").includes("..");

function invalidOption(message: string): TsrunError {
  return new TsrunError("ERR_TSRUN_VOLUME_OPTION_INVALID", message, {
    hint: "the options of the driver local are type, device and o: what mount(8) takes with -t, as its source and with -o",
  });
}

/** `--volumes-from`: "CONTAINER" or "CONTAINER:ro". Throws ERR_TSRUN_VOLUMES_FROM_INVALID. */
export function parseVolumesFrom(spec: string): { container: string; readOnly: boolean } {
  const [container = "", mode = "rw", ...rest] = spec.split(":");
  const words = mode.split(",");
  const known = words.every((word) => ["ro", "rw", "z", "Z"].includes(word));
  if (container === "" || rest.length > 0 || !known) {
    throw new TsrunError("ERR_TSRUN_VOLUMES_FROM_INVALID", `invalid volumes-from specification: ${spec}`, {
      hint: "it takes CONTAINER or CONTAINER:ro",
    });
  }
  return { container, readOnly: words.includes("ro") };
}
