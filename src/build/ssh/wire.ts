/** The data types of SSH (RFC 4251, section 5), as keys and the messages of agents are made of them. */

/** uint32 */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** string: its length and its bytes. */
export function string(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

/** mpint of a number without a sign: no leading zeros, but one before a first bit that would be the sign. */
export function mpint(magnitude: Buffer): Buffer {
  const first = magnitude.findIndex((byte) => byte !== 0);
  const bytes = first === -1 ? Buffer.alloc(0) : magnitude.subarray(first);
  const hasSign = ((bytes[0] ?? 0) & 0x80) !== 0;
  return string(hasSign ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
}

/** Reads one value after the other; throws RangeError where there are not as many bytes. */
export class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError(`${length} bytes are missing`);
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  byte(): number {
    return this.take(1).readUInt8();
  }

  uint32(): number {
    return this.take(4).readUInt32BE();
  }

  string(): Buffer {
    return this.take(this.uint32());
  }

  /** A string of ASCII: a name. */
  name(): string {
    return this.string().toString("latin1");
  }

  /** The magnitude of an mpint, without the zero that stands for its sign. */
  mpint(): Buffer {
    const bytes = this.string();
    return bytes[0] === 0 ? bytes.subarray(1) : bytes;
  }
}
