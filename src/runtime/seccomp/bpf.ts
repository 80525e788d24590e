/** Filters as seccomp(2) takes them: classic BPF of linux/filter.h, on struct seccomp_data. */
import { endianness } from "node:os";

/** linux/bpf_common.h: class | mode or operation | source. */
export const LOAD_WORD = 0x20; // BPF_LD | BPF_W | BPF_ABS
export const AND = 0x54; // BPF_ALU | BPF_AND | BPF_K
export const JUMP = 0x05;
export const JUMP_EQUAL = 0x15;
export const JUMP_GREATER = 0x25;
export const JUMP_GREATER_EQUAL = 0x35;
export const JUMP_SET = 0x45;
export const RETURN = 0x06;

/** Offsets in struct seccomp_data. */
export const NR = 0;
export const ARCH = 4;

/** struct sock_filter; jumps are counted from the next instruction. */
export type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, k: number];

export const INSTRUCTION_BYTES = 8;

const isLittle = endianness() === "LE";

export function encode(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * INSTRUCTION_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, [code, ifTrue, ifFalse, k]] of instructions.entries()) {
    view.setUint16(index * INSTRUCTION_BYTES, code, isLittle);
    view.setUint8(index * INSTRUCTION_BYTES + 2, ifTrue);
    view.setUint8(index * INSTRUCTION_BYTES + 3, ifFalse);
    view.setUint32(index * INSTRUCTION_BYTES + 4, k, isLittle);
  }
  return bytes;
}

export function decode(program: Uint8Array): Instruction[] {
  const view = new DataView(program.buffer, program.byteOffset, program.length);
  return Array.from({ length: program.length / INSTRUCTION_BYTES }, (_, index) => [
    view.getUint16(index * INSTRUCTION_BYTES, isLittle),
    view.getUint8(index * INSTRUCTION_BYTES + 2),
    view.getUint8(index * INSTRUCTION_BYTES + 3),
    view.getUint32(index * INSTRUCTION_BYTES + 4, isLittle),
  ]);
}
