/** `build -o`: type=image|registry|local|tar|oci|docker with its fields, a directory, or - for a tar archive. */
import { TsrunError } from "../../errors.ts";
import { allow, parseKeyValues } from "./key-values.ts";
import { parseBool } from "./numbers.ts";

export type OutputFlag =
  /** names: undefined for those of -t. */
  | { readonly type: "image"; readonly names: readonly string[] | undefined; readonly push: boolean }
  | { readonly type: "local"; readonly directory: string }
  | {
      readonly type: "tar" | "oci" | "docker";
      /** A file, or "-". */
      readonly to: string;
      readonly names: readonly string[] | undefined;
    };

const STDOUT = "-";

export function parseOutput(text: string): OutputFlag {
  if (!text.includes("=")) {
    if (text === "") throw new Error("an output needs a destination");
    return text === STDOUT
      ? { type: "tar", to: STDOUT, names: undefined }
      : { type: "local", directory: text };
  }
  const fields = parseKeyValues(text);
  const type = fields.get("type");
  const destination = fields.get("dest");
  const names = fields.get("name")?.split(",").filter(Boolean);
  switch (type) {
    case "local":
      allow(fields, ["type", "dest"]);
      if (!destination || destination === STDOUT) throw new Error("dest is required for local exporter");
      return { type, directory: destination };
    case "tar":
      allow(fields, ["type", "dest"]);
      return { type, to: destination ?? STDOUT, names: undefined };
    case "docker":
    case "oci":
      allow(fields, ["type", "dest", "name", "tar"]);
      if (!bool(fields, "tar", true))
        throw new Error(`${type} outputs are archives: tar=false is not supported`);
      if (type === "docker" && destination === undefined) return { type: "image", names, push: false };
      return { type, to: destination ?? STDOUT, names };
    case "image":
      allow(fields, ["type", "name", "push", "store", "unpack"]);
      if (!bool(fields, "store", true))
        throw new Error("an image is made in the store: store=false is not supported");
      return { type, names, push: bool(fields, "push", false) };
    case "registry":
      allow(fields, ["type", "name"]);
      return { type: "image", names, push: true };
    case undefined:
    case "":
      throw new Error("type is required for output");
    default:
      throw new TsrunError("ERR_TSRUN_OPTION_UNSUPPORTED", `outputs of type ${type} are not supported`, {
        hint: "the types are image, registry, local, tar, oci and docker",
      });
  }
}

function bool(fields: ReadonlyMap<string, string>, key: string, otherwise: boolean): boolean {
  const text = fields.get(key);
  return text === undefined ? otherwise : parseBool(text);
}
