/** What a build is given besides its context: secrets, keys, and contexts by names. */
import type { SshSource } from "../../build/types.ts";
import { allow, parseKeyValues } from "./key-values.ts";

export interface SecretFlag {
  readonly id: string;
  readonly file: string | undefined;
  readonly env: string | undefined;
}

/** `--secret id=ID[,src=FILE|,env=NAME]`, with type=file|env in front if one likes. */
export function parseSecret(text: string): SecretFlag {
  const fields = parseKeyValues(text);
  allow(fields, ["type", "id", "src", "source", "env"]);
  const type = fields.get("type");
  if (type !== undefined && type !== "file" && type !== "env")
    throw new Error(`unsupported secret type "${type}"`);
  const source = fields.get("src") ?? fields.get("source");
  const id = fields.get("id") || undefined;
  if (id === undefined) throw new Error("a secret needs an id: id=ID,src=FILE");
  // What type=env has as its source is a variable.
  if (type === "env") return { id, file: undefined, env: fields.get("env") ?? source ?? id };
  if (source !== undefined && fields.has("env")) throw new Error("a secret has one source: src or env");
  return { id, file: source ?? (type === "file" ? id : undefined), env: fields.get("env") };
}

/** `--ssh default`, `--ssh ID=SOCKET`, `--ssh ID=KEY,KEY`. */
export function parseSsh(text: string): SshSource {
  const equals = text.indexOf("=");
  const id = equals === -1 ? text : text.slice(0, equals);
  if (id === "") throw new Error(`invalid SSH source "${text}": it needs an id`);
  const paths =
    equals === -1
      ? []
      : text
          .slice(equals + 1)
          .split(",")
          .filter(Boolean);
  return { id, paths };
}

/** `--build-context NAME=PATH`. */
export function parseBuildContext(text: string): { name: string; source: string } {
  const equals = text.indexOf("=");
  const [name, source] = [text.slice(0, equals), text.slice(equals + 1)];
  if (equals < 1 || source === "") throw new Error(`invalid context value: ${text}, expected key=value`);
  return { name: name.toLowerCase(), source };
}
