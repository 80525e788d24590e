/**
 * Device rules as an eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE, which is how cgroup v2 guards devices
 * (cgroup-v2.rst, "Device controller"). The kernel calls it with a struct bpf_cgroup_dev_ctx {access_type, major,
 * minor}, access << 16 | type, and lets the process through where it returns 1.
 *
 * The last rule that is about an access decides it, so the program goes from the last rule to the first: one that
 * allows takes its accesses off what is still to be decided, one that refuses ends it where any of them is left.
 */
import { endianness } from "node:os";
import { type DeviceRule, type OrderedRule, orderedRules } from "./devices.ts";

/** Instruction codes of linux/bpf.h: class | size or operation | source of the operand. */
const LOAD_WORD = 0x61; // dst = *(u32 *)(src + off)
const MOVE = 0xbf; // dst = src
const MOVE_IMMEDIATE = 0xb7;
const AND = 0x57; // dst &= imm
const SHIFT_RIGHT = 0x77;
const JUMP_IF_NOT_EQUAL = 0x55; // if (dst != imm) skip off instructions
const JUMP_IF_EQUAL = 0x15;
const EXIT = 0x95;

const RESULT = 0;
const CONTEXT = 1;
const TYPE = 2;
const ACCESS = 3;
const MAJOR = 4;
const MINOR = 5;
const SCRATCH = 6;

/** linux/bpf.h BPF_DEVCG_DEV_BLOCK and _CHAR. */
const DEVICE_TYPE = { b: 1, c: 2 } as const;
const EVERYTHING = 7;

interface Instruction {
  code: number;
  dst?: number;
  src?: number;
  offset?: number;
  immediate?: number;
}

/** struct bpf_insn[] of the rules. */
export function deviceProgram(deviceRules: readonly DeviceRule[]): Uint8Array {
  const { otherwise, rules } = orderedRules(deviceRules);
  const instructions: Instruction[] = [
    { code: LOAD_WORD, dst: TYPE, src: CONTEXT, offset: 0 },
    { code: MOVE, dst: ACCESS, src: TYPE },
    { code: SHIFT_RIGHT, dst: ACCESS, immediate: 16 },
    { code: AND, dst: TYPE, immediate: 0xffff },
    { code: LOAD_WORD, dst: MAJOR, src: CONTEXT, offset: 4 },
    { code: LOAD_WORD, dst: MINOR, src: CONTEXT, offset: 8 },
  ];
  for (const rule of rules.toReversed()) instructions.push(...block(rule));
  instructions.push(...verdict(otherwise));
  return encode(instructions);
}

/** Ends the program where the rule decides, else falls through to the next block. */
function block({ type, major, minor, access, allow }: OrderedRule): Instruction[] {
  const tests: Instruction[] = [{ code: JUMP_IF_NOT_EQUAL, dst: TYPE, immediate: DEVICE_TYPE[type] }];
  if (major !== undefined) tests.push({ code: JUMP_IF_NOT_EQUAL, dst: MAJOR, immediate: major });
  if (minor !== undefined) tests.push({ code: JUMP_IF_NOT_EQUAL, dst: MINOR, immediate: minor });
  if (allow) {
    tests.push(
      { code: AND, dst: ACCESS, immediate: EVERYTHING & ~access },
      { code: JUMP_IF_NOT_EQUAL, dst: ACCESS, immediate: 0 },
    );
  } else {
    tests.push(
      { code: MOVE, dst: SCRATCH, src: ACCESS },
      { code: AND, dst: SCRATCH, immediate: access },
      { code: JUMP_IF_EQUAL, dst: SCRATCH, immediate: 0 },
    );
  }
  const all = [...tests, ...verdict(allow)];
  return all.map((each, index) =>
    each.code === JUMP_IF_NOT_EQUAL || each.code === JUMP_IF_EQUAL
      ? { ...each, offset: all.length - index - 1 }
      : each,
  );
}

const verdict = (allow: boolean): Instruction[] => [
  { code: MOVE_IMMEDIATE, dst: RESULT, immediate: allow ? 1 : 0 },
  { code: EXIT },
];

function encode(instructions: Instruction[]): Uint8Array {
  const little = endianness() === "LE";
  const bytes = new Uint8Array(instructions.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, dst = 0, src = 0, offset = 0, immediate = 0 }] of instructions.entries()) {
    const at = index * 8;
    view.setUint8(at, code);
    // Two four-bit fields, whose order follows the machine's.
    view.setUint8(at + 1, little ? (src << 4) | dst : (dst << 4) | src);
    view.setInt16(at + 2, offset, little);
    view.setInt32(at + 4, immediate, little);
  }
  return bytes;
}
