/** `build --cache-from`, `--cache-to`: type=registry|local|inline with its fields, or a reference alone. */
import type { CacheLocation } from "../../build/types.ts";
import { TsrunError } from "../../errors.ts";
import { allow, parseKeyValues } from "./key-values.ts";

const TYPES = ["registry", "local", "inline"] as const;

const KEYS = {
  from: { registry: ["ref"], local: ["src", "digest", "tag"], inline: ["ref"] },
  to: {
    registry: ["ref", "mode", "compression", "oci-mediatypes", "image-manifest", "ignore-error"],
    local: ["dest", "mode", "compression", "tag", "oci-mediatypes", "image-manifest", "ignore-error"],
    inline: [],
  },
} as const;

const FORM = { compression: "gzip", "oci-mediatypes": "true", "image-manifest": "true" };

export const parseCacheSource = (text: string): CacheLocation => parse(text, "from");
export const parseCacheTarget = (text: string): CacheLocation => parse(text, "to");

function parse(text: string, direction: "from" | "to"): CacheLocation {
  if (!text.includes("=")) return { type: "registry", attributes: { ref: text } };
  const fields = parseKeyValues(text);
  const type = known(fields.get("type"));
  fields.delete("type");
  allow(fields, KEYS[direction][type]);
  const required =
    type === "local" ? (direction === "from" ? "src" : "dest") : type === "registry" ? "ref" : undefined;
  if (required !== undefined && !fields.get(required)) throw new Error(`${type} cache needs ${required}`);
  const mode = fields.get("mode");
  if (mode !== undefined && mode !== "min" && mode !== "max")
    throw new Error(`invalid mode "${mode}": it is min or max`);
  refuseOtherForms(fields);
  return { type, attributes: Object.fromEntries(fields) };
}

/** What is written has one form, and what asks for that is not wrong. */
function refuseOtherForms(fields: ReadonlyMap<string, string>): void {
  for (const [key, only] of Object.entries(FORM)) {
    const value = fields.get(key);
    if (value === undefined || value === only) continue;
    throw new TsrunError("ERR_TSRUN_OPTION_UNSUPPORTED", `${key}=${value} is not supported`, {
      hint: `a cache is written with ${key}=${only}`,
    });
  }
}

function known(type: string | undefined): CacheLocation["type"] {
  if (type === undefined) throw new Error("type is required: type=TYPE[,KEY=VALUE]");
  const found = TYPES.find((each) => each === type);
  if (found !== undefined) return found;
  throw new TsrunError("ERR_TSRUN_OPTION_UNSUPPORTED", `a cache of type ${type} is not supported`, {
    hint: `the types are ${TYPES.join(", ")}`,
  });
}
