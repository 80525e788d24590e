/** bpf(2), as far as the device guard of cgroup v2 needs it. */
import { closeSync, constants, openSync } from "node:fs";
import { endianness } from "node:os";
import { check } from "./errors.ts";
import { ffi } from "./ffi.ts";
import { libc } from "./libc.ts";

/** enum bpf_cmd, bpf_prog_type and bpf_attach_type of linux/bpf.h. */
const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_PROG_GET_FD_BY_ID = 13;
const BPF_PROG_QUERY = 16;
const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
const BPF_CGROUP_DEVICE = 6;
const BPF_F_ALLOW_MULTI = 2;
const BPF_F_REPLACE = 4;

const MAX_PROGRAMS = 64;

const cBpf = libc("long bpf(int command, void *attribute, unsigned int size)");

const bpf = (what: string, command: number, attribute: Buffer): number =>
  check(`bpf(${what})`, () => cBpf(command, attribute, attribute.length));

const address = (bytes: Uint8Array): bigint => ffi().address(bytes);

/** A zeroed union bpf_attr; `put` writes native-endian fields at offset: {0: 32-bit number, 8: 64-bit bigint}. */
function attribute(fields: Readonly<Record<number, number | bigint>>): Buffer {
  const bytes = Buffer.alloc(128);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const little = endianness() === "LE";
  for (const [offset, value] of Object.entries(fields)) {
    if (typeof value === "bigint") view.setBigUint64(Number(offset), value, little);
    else view.setUint32(Number(offset), value, little);
  }
  return bytes;
}

/**
 * Loads a struct bpf_insn[] of type BPF_PROG_TYPE_CGROUP_DEVICE and attaches it to a cgroup v2 directory, in the place
 * of one that is already attached there. The program lives as long as the directory. Throws SyscallError.
 */
export function attachDeviceProgram(directory: string, program: Uint8Array): void {
  const cgroup = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  let loaded: number | undefined;
  let previous: number | undefined;
  try {
    const license = Buffer.from("MIT\0");
    loaded = bpf(
      "BPF_PROG_LOAD",
      BPF_PROG_LOAD,
      attribute({
        0: BPF_PROG_TYPE_CGROUP_DEVICE,
        4: program.length / 8,
        8: address(program),
        16: address(license),
      }),
    );
    previous = attachedProgram(cgroup);
    // ALLOW_MULTI: the groups above keep their say, and those below may add programs that restrict further.
    const flags = previous === undefined ? BPF_F_ALLOW_MULTI : BPF_F_ALLOW_MULTI | BPF_F_REPLACE;
    bpf(
      "BPF_PROG_ATTACH",
      BPF_PROG_ATTACH,
      attribute({ 0: cgroup, 4: loaded, 8: BPF_CGROUP_DEVICE, 12: flags, 16: previous ?? 0 }),
    );
  } finally {
    if (previous !== undefined) closeSync(previous);
    if (loaded !== undefined) closeSync(loaded);
    closeSync(cgroup);
  }
}

/** Descriptor of the device program that is attached to this very cgroup; undefined where none. */
function attachedProgram(cgroup: number): number | undefined {
  const ids = Buffer.alloc(4 * MAX_PROGRAMS);
  const query = attribute({ 0: cgroup, 4: BPF_CGROUP_DEVICE, 16: address(ids), 24: MAX_PROGRAMS });
  bpf("BPF_PROG_QUERY", BPF_PROG_QUERY, query);
  const count = endianness() === "LE" ? query.readUInt32LE(24) : query.readUInt32BE(24);
  if (count === 0) return undefined;
  const id = endianness() === "LE" ? ids.readUInt32LE(0) : ids.readUInt32BE(0);
  return bpf("BPF_PROG_GET_FD_BY_ID", BPF_PROG_GET_FD_BY_ID, attribute({ 0: id }));
}
