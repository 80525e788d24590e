/** `--mount type=…,source=…,target=…`: bind mounts, volumes, tmpfs and images. */
import { resolve } from "node:path";
import type {
  BindRequest,
  ImageRequest,
  MountRequest,
  TmpfsRequest,
  VolumeRequest,
} from "../../engine/types.ts";
import { TsrunError } from "../../errors.ts";
import { parseBytes } from "./bytes.ts";
import { parseCsvLine } from "./csv.ts";
import { parseBool } from "./numbers.ts";
import { isPropagation } from "./volume.ts";

/** What the fields say, before it is known whether they fit the type. */
interface Fields {
  type: string;
  source: string | undefined;
  target: string | undefined;
  readOnly: boolean;
  mapOwner: boolean;
  propagation: string | undefined;
  recursive: string;
  tmpfsSize: number | undefined;
  tmpfsMode: string | undefined;
  noCopy: boolean;
  driver: string | undefined;
  driverOptions: Record<string, string>;
  labels: Record<string, string>;
  subpath: string | undefined;
  /** Families of options that were used: "bind", "volume", "tmpfs", "image". */
  families: Set<string>;
}

type Setter = (fields: Fields, value: string, written: string) => void;

const bool = (value: string, key: string): boolean => {
  try {
    return parseBool(value);
  } catch {
    throw new Error(`invalid value for ${key}: ${value}`);
  }
};

const type: Setter = (fields, value) => {
  fields.type = value.toLowerCase();
};
const source: Setter = (fields, value) => {
  fields.source = value;
};
const target: Setter = (fields, value) => {
  fields.target = value;
};
const readOnly: Setter = (fields, value, key) => {
  fields.readOnly = bool(value, key);
};
const mapOwner: Setter = (fields, value, key) => {
  fields.mapOwner = bool(value, key);
};
const propagation: Setter = (fields, value) => {
  fields.propagation = value.toLowerCase();
};
const nonRecursive: Setter = (fields, value, key) => {
  fields.recursive = bool(value, key) ? "disabled" : "enabled";
};
const noCopy: Setter = (fields, value, key) => {
  fields.noCopy = bool(value, key);
};
const driver: Setter = (fields, value) => {
  fields.driver = value;
};
const subpath: Setter = (fields, value) => {
  fields.subpath = value;
};
const label: Setter = (fields, value) => setPair(fields.labels, value);
const option: Setter = (fields, value) => setPair(fields.driverOptions, value);
/** Speeds up Docker Desktop's file sharing and means nothing on Linux. */
const consistency: Setter = () => {};

const SETTERS = new Map<string, Setter>([
  ["type", type],
  ["source", source],
  ["src", source],
  ["target", target],
  ["dst", target],
  ["destination", target],
  ["readonly", readOnly],
  ["ro", readOnly],
  ["u", mapOwner],
  ["consistency", consistency],
  ["bind-propagation", propagation],
  ["bind-nonrecursive", nonRecursive],
  ["bind-recursive", setRecursive],
  ["tmpfs-size", setTmpfsSize],
  ["tmpfs-mode", setTmpfsMode],
  ["volume-nocopy", noCopy],
  ["volume-label", label],
  ["volume-driver", driver],
  ["volume-opt", option],
  ["volume-subpath", subpath],
  ["image-subpath", subpath],
]);

/** Keys that mean "true" where they stand alone. */
const BOOLEAN = new Set(["readonly", "ro", "u", "bind-nonrecursive", "volume-nocopy"]);

export function parseMount(text: string, cwd: string): MountRequest {
  const fields = readFields(text);
  if (fields.type === "") throw new Error("type is required");
  if (fields.target === undefined || fields.target === "") throw new Error("target is required");
  for (const family of fields.families) {
    if (family !== fields.type)
      throw new Error(`cannot mix '${family}-*' options with mount type '${fields.type}'`);
  }
  switch (fields.type) {
    case "bind":
      return bindMount(fields, fields.target, cwd);
    case "tmpfs":
      return tmpfsMount(fields, fields.target);
    case "volume":
      return volumeMount(fields, fields.target);
    case "image":
      return imageMount(fields, fields.target);
    case "npipe":
    case "cluster":
      throw new TsrunError(
        "ERR_TSRUN_OPTION_UNSUPPORTED",
        `mounts of type ${fields.type} are not supported`,
        {
          hint: "the types are bind, volume, tmpfs and image",
        },
      );
    default:
      throw new Error(`mount type unknown: "${fields.type}"`);
  }
}

function readFields(text: string): Fields {
  const fields: Fields = {
    type: "volume",
    source: undefined,
    target: undefined,
    readOnly: false,
    mapOwner: false,
    propagation: undefined,
    recursive: "enabled",
    tmpfsSize: undefined,
    tmpfsMode: undefined,
    noCopy: false,
    driver: undefined,
    driverOptions: {},
    labels: {},
    subpath: undefined,
    families: new Set(),
  };
  for (const field of parseCsvLine(text)) {
    const equals = field.indexOf("=");
    const key = (equals === -1 ? field : field.slice(0, equals)).toLowerCase();
    if (equals === -1 && !BOOLEAN.has(key))
      throw new Error(`invalid field '${field}' must be a key=value pair`);
    const set = SETTERS.get(key);
    if (set === undefined) throw new Error(`unexpected key '${key}' in '${field}'`);
    const family = /^(bind|volume|tmpfs|image)-/.exec(key)?.[1];
    if (family !== undefined) fields.families.add(family);
    set(fields, equals === -1 ? "true" : field.slice(equals + 1), key);
  }
  return fields;
}

/** "KEY=VALUE", or "KEY" for an empty one. */
function setPair(pairs: Record<string, string>, text: string): void {
  const equals = text.indexOf("=");
  pairs[equals === -1 ? text : text.slice(0, equals)] = equals === -1 ? "" : text.slice(equals + 1);
}

function setRecursive(fields: Fields, value: string): void {
  if (!["enabled", "disabled", "writable", "readonly"].includes(value)) {
    throw new Error(
      `invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
    );
  }
  fields.recursive = value;
}

function setTmpfsSize(fields: Fields, value: string): void {
  try {
    fields.tmpfsSize = parseBytes(value);
  } catch {
    throw new Error(`invalid value for tmpfs-size: ${value}`);
  }
}

function setTmpfsMode(fields: Fields, value: string): void {
  if (!/^[0-7]{1,5}$/.test(value)) throw new Error(`invalid value for tmpfs-mode: ${value}`);
  fields.tmpfsMode = value;
}

function bindMount(fields: Fields, into: string, cwd: string): BindRequest {
  const { source: from = "", readOnly, propagation, recursive } = fields;
  if (from === "") throw new Error(`invalid mount config for type "bind": field Source must not be empty`);
  if (propagation !== undefined && !isPropagation(propagation))
    throw new Error(`invalid propagation mode: ${propagation}`);
  if ((recursive === "readonly" || recursive === "writable") && !readOnly) {
    throw new Error(
      `option 'bind-recursive=${recursive}' requires 'readonly' to be specified in conjunction`,
    );
  }
  if (recursive === "readonly" && propagation !== "rprivate") {
    throw new Error(
      "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
    );
  }
  return {
    type: "bind",
    // Only a leading dot makes a path relative, as with -v: the engine refuses other names.
    source: from.startsWith(".") ? resolve(cwd, from) : from,
    target: into,
    readOnly,
    sourceMustExist: true,
    ...(propagation !== undefined && { propagation }),
    ...(recursive === "disabled" && { recursive: false }),
    ...(recursive === "writable" && { readOnlyRecursive: false }),
    ...(fields.mapOwner && { mapOwner: true }),
  };
}

function tmpfsMount(fields: Fields, into: string): TmpfsRequest {
  if (fields.source !== undefined)
    throw new Error(`invalid mount config for type "tmpfs": field Source must not be specified`);
  refuseMapping(fields);
  const options: string[] = [];
  if (fields.readOnly) options.push("ro");
  if (fields.tmpfsSize !== undefined) options.push(`size=${fields.tmpfsSize}`);
  if (fields.tmpfsMode !== undefined) options.push(`mode=${fields.tmpfsMode}`);
  return { type: "tmpfs", target: into, options };
}

function volumeMount(fields: Fields, into: string): VolumeRequest {
  const { source: name = "", readOnly, noCopy, mapOwner, driver, driverOptions, labels, subpath } = fields;
  return {
    type: "volume",
    name,
    target: into,
    readOnly,
    ...(noCopy && { noCopy }),
    ...(mapOwner && { mapOwner }),
    ...(driver && { driver }),
    ...(Object.keys(driverOptions).length > 0 && { driverOptions }),
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(subpath !== undefined && { subpath }),
  };
}

function imageMount(fields: Fields, into: string): ImageRequest {
  const { source: image = "", subpath } = fields;
  if (image === "") throw new Error(`invalid mount config for type "image": field Source must not be empty`);
  refuseMapping(fields);
  return { type: "image", source: image, target: into, ...(subpath !== undefined && { subpath }) };
}

function refuseMapping({ type, mapOwner }: Fields): void {
  if (mapOwner) throw new Error(`option 'U' is for mounts of type bind and volume, not ${type}`);
}
