/**
 * System calls that are newer than a profile must look absent, not forbidden: programs try the new call and fall back
 * on ENOSYS, but give up on EPERM. So calls numbered above all that the profile names return ENOSYS, whatever the
 * profile's default is.
 */
import { syscallNumber } from "../../kernel/seccomp.ts";
import {
  ARCH,
  encode,
  INSTRUCTION_BYTES,
  type Instruction,
  JUMP_EQUAL,
  JUMP_GREATER,
  JUMP_GREATER_EQUAL,
  LOAD_WORD,
  NR,
  RETURN,
} from "./bpf.ts";

const RETURN_ENOSYS = 0x00050000 | 38;

/** x32 shares AUDIT_ARCH_X86_64 and marks its calls with this bit. */
const X86_64 = 0xc000003e;
const X32 = 0x4000003e;
const X32_BIT = 0x40000000;

/** The program with the test before it; `names` are all that the profile names, `architectures` AUDIT_ARCH_* tokens. */
export function prependEnosys(
  program: Uint8Array,
  architectures: ReadonlySet<number>,
  names: ReadonlySet<string>,
): Uint8Array {
  const prologue: Instruction[] = [[LOAD_WORD, 0, 0, ARCH]];
  for (const architecture of architectures) {
    if (architecture === X32) continue;
    const tests = architecture === X86_64 ? x86Tests(architectures, names) : plainTests(architecture, names);
    // Skips the block of another architecture; falls out of its own block to the end of the prologue.
    prologue.push([JUMP_EQUAL, 0, tests.length, architecture], ...tests);
  }
  const whole = new Uint8Array(prologue.length * INSTRUCTION_BYTES + program.length);
  whole.set(encode(prologue));
  whole.set(program, prologue.length * INSTRUCTION_BYTES);
  return whole;
}

/** Falls out with the architecture loaded again, as the next block expects it. */
function plainTests(architecture: number, names: ReadonlySet<string>): Instruction[] {
  return [
    [LOAD_WORD, 0, 0, NR],
    [JUMP_GREATER, 0, 1, last(architecture, names)],
    [RETURN, 0, 0, RETURN_ENOSYS],
    [LOAD_WORD, 0, 0, ARCH],
  ];
}

function x86Tests(architectures: ReadonlySet<number>, names: ReadonlySet<string>): Instruction[] {
  // Without x32 its numbers are the main filter's to refuse.
  const x32Last = architectures.has(X32) ? last(X32, names) : 0xffffffff;
  return [
    [LOAD_WORD, 0, 0, NR],
    [JUMP_GREATER_EQUAL, 0, 1, X32_BIT],
    [JUMP_GREATER, 1, 2, x32Last],
    [JUMP_GREATER, 0, 1, last(X86_64, names)],
    [RETURN, 0, 0, RETURN_ENOSYS],
    [LOAD_WORD, 0, 0, ARCH],
  ];
}

function last(architecture: number, names: ReadonlySet<string>): number {
  let highest = 0;
  for (const name of names) highest = Math.max(highest, syscallNumber(architecture, name) ?? 0);
  return highest;
}
