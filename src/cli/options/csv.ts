/** One line of comma-separated fields with the quoting of RFC 4180, which --mount and --network use. */
export function parseCsvLine(line: string): string[] {
  const fields: string[] = [];
  const field = /\s*(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (;;) {
    const match = field.exec(line);
    if (match === null) throw new Error(`parse error on line 1: bare or extraneous " in "${line}"`);
    fields.push(match[1] === undefined ? (match[2] as string) : match[1].replaceAll('""', '"'));
    if (match[3] === "") return fields;
  }
}
