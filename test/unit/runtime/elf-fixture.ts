/** ELF files as small as the kernel would look at them: a header, one program header, the interpreter's path. */
export interface ElfSpec {
  bits?: 32 | 64;
  littleEndian?: boolean;
  machine: number;
  interpreter?: string;
}

export function elf({ bits = 64, littleEndian = true, machine, interpreter }: ElfSpec): Buffer {
  const headerSize = bits === 64 ? 64 : 52;
  const phSize = bits === 64 ? 56 : 32;
  const path = Buffer.from(interpreter === undefined ? "" : `${interpreter}\0`);
  const file = Buffer.alloc(headerSize + phSize * 2 + path.length);
  const u16 = (value: number, at: number) =>
    littleEndian ? file.writeUInt16LE(value, at) : file.writeUInt16BE(value, at);
  const u32 = (value: number, at: number) =>
    littleEndian ? file.writeUInt32LE(value, at) : file.writeUInt32BE(value, at);
  const word = (value: number, at: number) => {
    if (bits === 32) return u32(value, at);
    return littleEndian ? file.writeBigUInt64LE(BigInt(value), at) : file.writeBigUInt64BE(BigInt(value), at);
  };
  file.write("\x7fELF", "latin1");
  file[4] = bits === 64 ? 2 : 1;
  file[5] = littleEndian ? 1 : 2;
  u16(2, 16);
  u16(machine, 18);
  word(headerSize, bits === 64 ? 32 : 28);
  u16(phSize, bits === 64 ? 54 : 42);
  u16(2, bits === 64 ? 56 : 44);
  u32(1, headerSize); // PT_LOAD first, so that the second entry has to be found
  if (interpreter !== undefined) {
    const entry = headerSize + phSize;
    u32(3, entry);
    word(headerSize + phSize * 2, entry + (bits === 64 ? 8 : 4));
    word(path.length, entry + (bits === 64 ? 32 : 16));
    path.copy(file, headerSize + phSize * 2);
  }
  return file;
}

export function readerOf(bytes: Buffer) {
  return (offset: number, length: number) => bytes.subarray(offset, offset + length);
}
