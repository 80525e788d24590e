/** As much of an ELF file (elf(5)) as it takes to say why the kernel would not run it. */

/** Reads `length` bytes at `offset`, fewer at the end of the file; undefined where it cannot be read. */
export type ReadAt = (offset: number, length: number) => Buffer | undefined;

export interface ElfFile {
  bits: 32 | 64;
  littleEndian: boolean;
  /** e_machine: the architecture's number. */
  machine: number;
  /** The architecture's name in image platforms ("amd64"), else "machine 42". */
  architecture: string;
  /** PT_INTERP: the dynamic loader's path; undefined in a static program. */
  interpreter: string | undefined;
}

const PT_INTERP = 3;

/** Where the fields are in the file's header and in the entries of its program header table, by word size. */
const LAYOUTS = {
  32: { headerSize: 52, phoff: 28, phentsize: 42, phnum: 44, phSize: 32, pOffset: 4, pFilesz: 16 },
  64: { headerSize: 64, phoff: 32, phentsize: 54, phnum: 56, phSize: 56, pOffset: 8, pFilesz: 32 },
} as const;

/** Names of e_machine, as GOARCH and so OCI's platforms spell them; [little-endian, big-endian] where both exist. */
const ARCHITECTURES: Readonly<Record<string, string | readonly [string, string]>> = {
  3: "386",
  8: ["mipsle", "mips"],
  20: "ppc",
  21: ["ppc64le", "ppc64"],
  22: "s390x",
  40: "arm",
  62: "amd64",
  183: "arm64",
  243: "riscv64",
  258: "loong64",
};

/** Parses a file that begins with ELF's magic number; "damaged" where it then breaks off, undefined for any other. */
export function parseElf(read: ReadAt): ElfFile | "damaged" | undefined {
  const header = read(0, LAYOUTS[64].headerSize);
  if (header === undefined || header.toString("latin1", 0, 4) !== "\x7fELF") return undefined;
  const bits = header[4] === 1 ? 32 : header[4] === 2 ? 64 : undefined;
  if (bits === undefined || header.length < LAYOUTS[bits].headerSize) return "damaged";

  const littleEndian = header[5] !== 2;
  const number = reader(littleEndian);
  const machine = number(header, 18, 2);
  const interpreter = readInterpreter(read, { header, bits, number });
  if (interpreter === "damaged") return "damaged";
  const architecture = architectureName(machine, { bits, littleEndian });
  return { bits, littleEndian, machine, architecture, interpreter: interpreter?.path };
}

type ReadNumber = (buffer: Buffer, offset: number, bytes: number) => number;

function reader(littleEndian: boolean): ReadNumber {
  return (buffer, offset, bytes) => {
    if (bytes < 8) return littleEndian ? buffer.readUIntLE(offset, bytes) : buffer.readUIntBE(offset, bytes);
    return Number(littleEndian ? buffer.readBigUInt64LE(offset) : buffer.readBigUInt64BE(offset));
  };
}

/** The path in the first PT_INTERP segment; an object, so that no path can be mistaken for "damaged". */
function readInterpreter(
  read: ReadAt,
  { header, bits, number }: { header: Buffer; bits: 32 | 64; number: ReadNumber },
): { path: string } | "damaged" | undefined {
  const layout = LAYOUTS[bits];
  const word = bits / 8;
  const entrySize = number(header, layout.phentsize, 2);
  const count = number(header, layout.phnum, 2);
  if (count === 0) return undefined;
  if (entrySize < layout.phSize) return "damaged";

  const table = read(number(header, layout.phoff, word), entrySize * count);
  if (table === undefined || table.length < entrySize * count) return "damaged";
  for (let entry = 0; entry < table.length; entry += entrySize) {
    if (number(table, entry, 4) !== PT_INTERP) continue;
    const size = number(table, entry + layout.pFilesz, word);
    // The kernel takes no longer path either (PATH_MAX).
    if (size < 2 || size > 4096) return "damaged";
    const text = read(number(table, entry + layout.pOffset, word), size);
    if (text === undefined || text.length < size) return "damaged";
    return { path: text.toString("utf8").replace(/\0.*$/s, "") };
  }
  return undefined;
}

function architectureName(machine: number, file: { bits: number; littleEndian: boolean }): string {
  const name = ARCHITECTURES[machine];
  if (name === undefined) return `machine ${machine}`;
  if (typeof name === "string") return name;
  // 32- and 64-bit MIPS share their number.
  const known = name[file.littleEndian ? 0 : 1];
  return machine === 8 && file.bits === 64 ? known.replace("mips", "mips64") : known;
}
