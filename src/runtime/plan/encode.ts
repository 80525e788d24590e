/** A Plan as the one buffer that native/monitor/interpreter.c executes; the layout is told in native/include/plan.h. */
import { ERRNO } from "../../kernel/errors.ts";
import { capabilityNumber } from "../capabilities.ts";
import {
  CLONE,
  flagBits,
  IOPRIO_CLASS,
  MEMORY_POLICY,
  MEMORY_POLICY_FLAG,
  MNT,
  MOUNT_ATTR,
  MS,
  PERSONALITY,
  PR,
  RLIMIT,
  S_IF,
  SCHED,
  SCHED_FLAG,
  SECCOMP,
} from "./constants.ts";
import { cpuMask, nodeMask } from "./cpu-list.ts";
import { OPCODES } from "./opcodes.ts";
import type { Plan, Step, StepAction } from "./plan.ts";
import { assignSlots } from "./slots.ts";

const MAGIC = 0x4e414c50;
const VERSION = 1;
const HEADER_SIZE = 16;
const STEP_SIZE = 72;
const ARGS_OFFSET = 8;
const NO_SLOT = -1;
const ALIGNMENT = 8;
/** Bytes of data that most Plans do with: their largest part is the seccomp filter. */
const ROOM_AT_FIRST = 16 * 1024;

type Argument = number | bigint;

/** capabilities(7) as the bits of one number. */
function capabilityMask(names: readonly string[]): bigint {
  return names.reduce((mask, name) => mask | (1n << BigInt(capabilityNumber(name))), 0n);
}

/** What comes behind the steps: strings, tables of strings and binary data, each named by its offset. */
class DataArea {
  #buffer: Buffer;
  #end: number;
  /** Behind the end: strings that are written together, since each write is a call out of JavaScript. */
  #text = "";
  #textLength = 0;
  readonly #strings = new Map<string, number>();

  /** `head` bytes in front are the steps'. */
  constructor(head: number) {
    this.#buffer = Buffer.alloc(head + ROOM_AT_FIRST);
    this.#end = head;
  }

  /** The steps' room and all data behind it. */
  get bytes(): Buffer {
    this.#writeText();
    return this.#buffer.subarray(0, this.#end);
  }

  /** Room of that size, zeroed and padded so that what follows is aligned; returns its offset. */
  #reserve(size: number): number {
    this.#writeText();
    return this.#take(size);
  }

  #take(size: number): number {
    const offset = this.#end;
    this.#end += Math.ceil(size / ALIGNMENT) * ALIGNMENT;
    if (this.#end > this.#buffer.length) {
      const larger = Buffer.alloc(this.#end * 2);
      this.#buffer.copy(larger, 0, 0, offset);
      this.#buffer = larger;
    }
    return offset;
  }

  #writeText(): void {
    if (this.#textLength === 0) return;
    this.#buffer.write(this.#text, this.#take(this.#textLength));
    this.#text = "";
    this.#textLength = 0;
  }

  blob(data: Uint8Array): number {
    const offset = this.#reserve(data.length);
    this.#buffer.set(data, offset);
    return offset;
  }

  /** A NUL-terminated string, stored once; null is offset 0. */
  string(text: string | null): number {
    if (text === null) return 0;
    let offset = this.#strings.get(text);
    if (offset === undefined) {
      if (text.includes("\0")) throw new RangeError(`a NUL byte in ${JSON.stringify(text)}`);
      offset = this.#end + this.#textLength;
      this.#text += `${text}\0`;
      this.#textLength += Buffer.byteLength(text) + 1;
      this.#strings.set(text, offset);
    }
    return offset;
  }

  /** A table of strings, ended by 0. */
  table(texts: readonly string[]): number {
    const offset = this.#reserve((texts.length + 1) * 8);
    texts.forEach((text, index) => {
      const string = this.string(text);
      this.#buffer.writeUInt32LE(string, offset + index * 8);
    });
    return offset;
  }
}

/** The arguments of a step in the order of plan.h. */
function argumentsOf(step: StepAction, data: DataArea, slot: (name: string) => Argument): Argument[] {
  switch (step.op) {
    case "clone":
      return [
        flagBits(CLONE, step.flags),
        step.cgroup === undefined ? NO_SLOT : slot(step.cgroup),
        data.string(step.uidMap ?? null),
        data.string(step.gidMap ?? null),
      ];
    case "setns":
      return [slot(step.fd), flagBits(CLONE, step.flags)];
    case "unshare":
      return [flagBits(CLONE, step.flags)];
    case "wait":
      return [step.gate === undefined ? NO_SLOT : slot(step.gate)];
    case "setsid":
    case "setControllingTerminal":
    case "moveRoot":
    case "reopenNull":
    case "fork":
      return [];
    case "writeFile":
      return [data.string(step.path), data.string(step.data)];
    case "mount":
      return [
        data.string(step.source),
        data.string(step.target),
        data.string(step.fstype),
        flagBits(MS, step.flags),
        data.string(step.data),
      ];
    case "mountOverlay":
      return [
        data.table(step.lower),
        data.string(step.upper),
        data.string(step.work),
        data.string(step.target),
        data.table(step.options),
      ];
    case "openTree":
      return [
        data.string(step.path),
        slot(step.slot),
        step.recursive ? 1 : 0,
        data.string(step.within ?? null),
        step.root === undefined ? NO_SLOT : slot(step.root),
      ];
    case "idmap":
      return [slot(step.slot), slot(step.userns), step.recursive ? 1 : 0, step.byLauncher ? 1 : 0];
    case "moveMount":
      return [slot(step.slot), data.string(step.target)];
    case "mountSetattr":
      return [
        data.string(step.target),
        flagBits(MOUNT_ATTR, step.set),
        flagBits(MOUNT_ATTR, step.clear),
        step.propagation === null ? 0 : flagBits(MS, [step.propagation]),
        step.recursive ? 1 : 0,
      ];
    case "mountPoint":
      return [slot(step.slot), data.string(step.path)];
    case "treeSetattr":
      return [
        slot(step.slot),
        flagBits(MOUNT_ATTR, step.set),
        flagBits(MOUNT_ATTR, step.clear),
        step.propagation === null ? 0 : flagBits(MS, [step.propagation]),
        step.recursive ? 1 : 0,
      ];
    case "mountTmpfs":
      return [
        data.string(step.source),
        data.string(step.target),
        flagBits(MS, step.flags),
        data.string(step.data),
        step.copyUp ? 1 : 0,
      ];
    case "pivotRoot":
      return [data.string(step.newRoot), data.string(step.putOld)];
    case "umount":
      return [data.string(step.target), flagBits(MNT, step.flags)];
    case "chdir":
      return [data.string(step.path), step.retry ? 1 : 0];
    case "openPath":
      return [data.string(step.path), slot(step.slot)];
    case "parentPropagation":
      return [data.string(step.path), flagBits(MS, [step.propagation])];
    case "close":
    case "fchdir":
      return [slot(step.slot)];
    case "chroot":
    case "ensureDirectory":
    case "mask":
    case "bindConsole":
      return [data.string(step.path)];
    case "mkdir":
    case "touch":
      return [data.string(step.path), step.mode];
    case "mknod":
      return [data.string(step.path), step.mode | S_IF[step.type], step.major, step.minor];
    case "chown":
      return [data.string(step.path), step.uid, step.gid];
    case "symlink":
      return [data.string(step.target), data.string(step.path)];
    case "timeNamespace":
      return [data.string(step.offsets)];
    case "personality":
      return [flagBits(PERSONALITY, [step.domain, ...step.flags])];
    case "ioPriority":
      return [(flagBits(IOPRIO_CLASS, [step.class]) << 13) | step.priority];
    case "scheduler":
      return [
        flagBits(SCHED, [step.policy]),
        flagBits(SCHED_FLAG, step.flags),
        step.nice,
        step.priority,
        step.runtime,
        step.deadline,
        step.period,
      ];
    case "cpuAffinity": {
      const mask = cpuMask(step.cpus);
      return [data.blob(mask), mask.length];
    }
    case "memoryPolicy": {
      const mode = flagBits(MEMORY_POLICY, [step.mode]) | flagBits(MEMORY_POLICY_FLAG, step.flags);
      if (step.nodes === null) return [mode, 0, 0];
      const mask = nodeMask(step.nodes);
      return [mode, data.blob(mask), mask.length];
    }
    case "sessionKeyring":
    case "sethostname":
    case "setdomainname":
      return [data.string(step.name)];
    case "linkUp":
      return [data.string(step.link)];
    case "openPty":
      return [step.rows, step.columns];
    case "dup2":
      return [slot(step.fd), step.to];
    case "chownStdio":
      return [step.uid];
    case "setrlimit":
      return [flagBits(RLIMIT, [step.resource]), step.soft, step.hard];
    case "umask":
      return [step.mask];
    case "prctl":
      return [flagBits(PR, [step.option]), step.value];
    case "capBoundingSet":
      return [capabilityMask(step.keep)];
    case "capset":
      return [
        capabilityMask(step.effective),
        capabilityMask(step.permitted),
        capabilityMask(step.inheritable),
      ];
    case "capAmbient":
      return [capabilityMask(step.raise)];
    case "setgroups":
      return [data.blob(new Uint8Array(Uint32Array.from(step.gids).buffer)), step.gids.length];
    case "setresgid":
      return [step.gid];
    case "setresuid":
      return [step.uid];
    case "setFsIds":
      return [step.uid, step.gid];
    case "chownStream":
      return [slot(step.slot), step.uid];
    case "seccomp": {
      const program = Buffer.from(step.program, "base64");
      return [data.blob(program), program.length / 8, flagBits(SECCOMP, step.flags)];
    }
    case "closeRange":
      return [step.first];
    case "findProgram":
      return [data.table(step.candidates)];
    case "execve":
      return [data.table(step.candidates), data.table(step.argv), data.table(step.envp)];
  }
}

const LOW = 0xffff_ffffn;

/**
 * 64 bits in two's complement, so that -1 is RLIM_INFINITY and (uid_t)-1 what the kernel takes them for. Both machines
 * that there are monitors for are little-endian.
 */
function writeArgument(words: Uint32Array, argument: Argument, at: number): void {
  const isLarge = typeof argument === "bigint";
  words[at] = isLarge ? Number(argument & LOW) : argument;
  words[at + 1] = isLarge ? Number((argument >> 32n) & LOW) : Math.floor(argument / 2 ** 32);
}

function writeStep(words: Uint32Array, at: number, step: Step, args: readonly Argument[]): void {
  words[at] = OPCODES[step.op];
  const [first = 0, second = 0] = (step.tolerate ?? []).map((name) => ERRNO[name] ?? 0);
  words[at + 1] = first | (second << 16);
  args.forEach((argument, index) => {
    writeArgument(words, argument, at + ARGS_OFFSET / 4 + index * 2);
  });
}

/** Encodes a Plan; throws RangeError where a name in it is not one of the kernel's. */
export function encodePlan(plan: Plan): Buffer {
  const slots = assignSlots(plan);
  const slot = (name: string): number => {
    const number = slots.get(name);
    if (number === undefined) throw new RangeError(`no step fills the slot ${name}`);
    return number;
  };
  const data = new DataArea(HEADER_SIZE + plan.steps.length * STEP_SIZE);
  const args = plan.steps.map((step) => argumentsOf(step, data, slot));
  const { bytes } = data;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  words.set([MAGIC, VERSION, plan.steps.length, bytes.length]);
  plan.steps.forEach((step, index) => {
    writeStep(words, (HEADER_SIZE + index * STEP_SIZE) / 4, step, args[index] ?? []);
  });
  return bytes;
}
