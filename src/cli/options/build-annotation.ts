/** `build --annotation [TYPE:]KEY=VALUE`. */
import { TsrunError } from "../../errors.ts";
import { parseLabel } from "./pairs.ts";

/** KEY=VALUE of the image's manifest; what belongs to an index is refused. */
export function parseAnnotation(text: string): string {
  const [, types, rest] = /^([a-z-]+(?:,[a-z-]+)*):(.+)$/s.exec(text) ?? [];
  if (types === undefined || rest === undefined || /[.=]/.test(types)) return checked(text);
  if (types === "manifest") return checked(rest);
  throw new TsrunError("ERR_TSRUN_OPTION_UNSUPPORTED", `annotations of ${types} are not supported`, {
    hint: "annotations are those of the manifest: KEY=VALUE, or manifest:KEY=VALUE",
  });
}

function checked(text: string): string {
  if (!text.includes("=")) throw new Error(`invalid annotation "${text}", expected key=value`);
  return parseLabel(text);
}
