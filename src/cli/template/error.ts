import { TsrunError } from "../../errors.ts";

/** A template that cannot be read or applied, in the words of Go's text/template. */
export class TemplateError extends TsrunError {
  constructor(source: string, offset: number, reason: string, at?: string) {
    const before = source.slice(0, offset).split("\n");
    const line = before.length;
    const column = (before.at(-1) as string).length;
    const where = at === undefined ? `:${line}` : `:${line}:${column}: executing "" at <${at}>`;
    super("ERR_TSRUN_TEMPLATE_INVALID", `template parsing error: template: ${where}: ${reason}`, {
      hint: "templates are those of docker's --format, in the syntax of Go's text/template",
    });
  }
}
