/** What `inspect` and `version` print: whole documents as JSON, or a template applied to each. */
import { compile } from "../template/template.ts";

/** `format` "" prints one indented JSON array, "json" a line each, anything else is a template. */
export function renderDocuments(documents: readonly object[], format: string): string {
  if (format === "") {
    return documents.length === 0 ? "[]\n" : `${JSON.stringify(documents, null, 4)}\n`;
  }
  if (format === "json") return documents.map((document) => `${JSON.stringify(document)}\n`).join("");
  const template = compile(format);
  return documents.map((document) => `${template.execute(document)}\n`).join("");
}
