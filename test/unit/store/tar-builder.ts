/** Builds tar archives byte by byte, also such as no tar would write. */
const BLOCK = 512;

export interface TarFields {
  name: string | Buffer;
  type?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  mtime?: number;
  linkname?: string;
  major?: number;
  minor?: number;
  prefix?: string;
  data?: string | Buffer;
  /** Header format: "ustar" (POSIX) or "gnu". */
  format?: "ustar" | "gnu";
  /** Written over the header before its checksum is made. */
  patch?: (header: Buffer) => void;
  /** PAX records of an extended header that goes before. */
  pax?: Record<string, string | Buffer> | [string, string | Buffer][];
}

/** One entry: header, data and padding, with a PAX header before it where records are given. */
export function tarEntry(fields: TarFields): Buffer {
  const { name, type = "0", mode = 0o644, uid = 0, gid = 0, mtime = 0, linkname = "", data = "" } = fields;
  const body = Buffer.from(data);
  const header = Buffer.alloc(BLOCK);
  Buffer.from(name).copy(header, 0, 0, 100);
  octal(header, 100, 8, mode);
  octal(header, 108, 8, uid);
  octal(header, 116, 8, gid);
  octal(header, 124, 12, fields.size ?? body.length);
  octal(header, 136, 12, mtime);
  header.write(type, 156, "latin1");
  header.write(linkname.slice(0, 100), 157, "latin1");
  header.write(fields.format === "gnu" ? "ustar  \0" : "ustar\u000000", 257, "latin1");
  octal(header, 329, 8, fields.major ?? 0);
  octal(header, 337, 8, fields.minor ?? 0);
  if (fields.prefix) header.write(fields.prefix, 345, "latin1");
  fields.patch?.(header);
  checksum(header);
  const before = fields.pax ? paxHeader(fields.pax) : Buffer.alloc(0);
  return Buffer.concat([before, header, padded(body)]);
}

/** A whole archive, with the two blocks of zeros at its end. */
export function tar(...entries: (TarFields | Buffer)[]): Buffer {
  const parts = entries.map((entry) => (Buffer.isBuffer(entry) ? entry : tarEntry(entry)));
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

export function paxHeader(records: NonNullable<TarFields["pax"]>, type = "x"): Buffer {
  const pairs = Array.isArray(records) ? records : Object.entries(records);
  return tarEntry({
    name: "PaxHeader",
    type,
    data: Buffer.concat(pairs.map(([key, value]) => paxRecord(key, value))),
  });
}

function paxRecord(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length += 1;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function octal(header: Buffer, at: number, length: number, value: number): void {
  header.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
}

function checksum(header: Buffer): void {
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}

function padded(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)]);
}
