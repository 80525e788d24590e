/**
 * Seccomp filters through libseccomp (seccomp_init(3) and its neighbours): names to numbers for each architecture, and
 * rules to a BPF program.
 */
import { closeSync, fstatSync, readSync } from "node:fs";
import { endianness } from "node:os";
import { check, checkResult, ERRNO, SyscallError } from "./errors.ts";
import { declare } from "./ffi.ts";
import { libc } from "./libc.ts";

const LIBRARY = "libseccomp.so.2";
const seccompInit = declare(LIBRARY, "void *seccomp_init(uint32_t def_action)");
const seccompRelease = declare(LIBRARY, "void seccomp_release(void *ctx)");
const seccompAttrSet = declare(LIBRARY, "int seccomp_attr_set(void *ctx, int attr, uint32_t value)");
const seccompArchAdd = declare(LIBRARY, "int seccomp_arch_add(void *ctx, uint32_t arch_token)");
const seccompArchNative = declare(LIBRARY, "uint32_t seccomp_arch_native()");
const seccompResolve = declare(
  LIBRARY,
  "int seccomp_syscall_resolve_name_arch(uint32_t arch_token, const char *name)",
);
const seccompRuleAdd = declare(
  LIBRARY,
  "int seccomp_rule_add_array(void *ctx, uint32_t action, int syscall, unsigned int arg_cnt, void *arg_array)",
);
const seccompExport = declare(LIBRARY, "int seccomp_export_bpf(void *ctx, int fd)");
const memfdCreate = libc("int memfd_create(const char *name, unsigned int flags)");

/** enum scmp_filter_attr of seccomp.h. */
const SCMP_FLTATR_CTL_OPTIMIZE = 8;
const BINARY_TREE = 2;
const MFD_CLOEXEC = 1;

/** A name that libseccomp does not know. */
const NR_SCMP_ERROR = -1;

/** struct scmp_arg_cmp: unsigned int arg, enum scmp_compare op, two 64-bit operands. */
export interface ArgumentTest {
  index: number;
  /** enum scmp_compare: 1 NE, 2 LT, 3 LE, 4 EQ, 5 GE, 6 GT, 7 MASKED_EQ. */
  op: number;
  a: bigint;
  b: bigint;
}

export interface FilterRule {
  /** SECCOMP_RET_* with its data. */
  action: number;
  name: string;
  /** All must hold. */
  tests: readonly ArgumentTest[];
}

/** AUDIT_ARCH_* token of the machine as libseccomp counts it. */
export function nativeArchitecture(): number {
  return seccompArchNative();
}

/** Number of a system call on an architecture; undefined where it has none, or libseccomp does not know it. */
export function syscallNumber(architecture: number, name: string): number | undefined {
  const number: number = seccompResolve(architecture, name);
  // Numbers below -1 stand for calls that exist on other architectures only.
  return number < 0 ? undefined : number;
}

/**
 * Compiles a filter: struct sock_filter[] as seccomp(2) takes it. Names that libseccomp does not know are skipped.
 * Throws SyscallError with the name of libseccomp's function that refused.
 */
export function compileFilter(filter: {
  defaultAction: number;
  /** Besides the machine's own. */
  architectures: readonly number[];
  rules: readonly FilterRule[];
}): Uint8Array {
  const context = seccompInit(filter.defaultAction);
  if (context === null) throw new SyscallError("seccomp_init", ERRNO.EINVAL ?? 0);
  try {
    for (const architecture of filter.architectures) {
      expect("seccomp_arch_add", seccompArchAdd(context, architecture), undefined, ["EEXIST"]);
    }
    const native = nativeArchitecture();
    for (const rule of filter.rules) {
      const number: number = seccompResolve(native, rule.name);
      if (number === NR_SCMP_ERROR) continue;
      const tests = rule.tests.length === 0 ? null : encodeTests(rule.tests);
      const result = seccompRuleAdd(context, rule.action, number, rule.tests.length, tests);
      expect("seccomp_rule_add", result, rule.name, ["EEXIST"]);
    }
    // Absent before libseccomp 2.5: the filter is then slower, not different.
    seccompAttrSet(context, SCMP_FLTATR_CTL_OPTIMIZE, BINARY_TREE);
    return exportBpf(context);
  } finally {
    seccompRelease(context);
  }
}

function exportBpf(context: unknown): Uint8Array {
  const fd = check("memfd_create", () => memfdCreate("seccomp", MFD_CLOEXEC));
  try {
    expect("seccomp_export_bpf", seccompExport(context, fd));
    const program = new Uint8Array(fstatSync(fd).size);
    readSync(fd, program, 0, program.length, 0);
    return program;
  } finally {
    closeSync(fd);
  }
}

/** libseccomp returns negated errno values. */
function expect(call: string, result: number, what?: string, tolerated: readonly string[] = []): void {
  if (!tolerated.some((name) => ERRNO[name] === -result)) checkResult(call, result, what);
}

function encodeTests(tests: readonly ArgumentTest[]): Buffer {
  const bytes = Buffer.alloc(tests.length * 24);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const little = endianness() === "LE";
  for (const [index, { index: argument, op, a, b }] of tests.entries()) {
    view.setUint32(index * 24, argument, little);
    view.setInt32(index * 24 + 4, op, little);
    view.setBigUint64(index * 24 + 8, a, little);
    view.setBigUint64(index * 24 + 16, b, little);
  }
  return bytes;
}

const cSeccomp = libc("long seccomp(unsigned int operation, unsigned int flags, void *args)");
const SECCOMP_SET_MODE_FILTER = 1;

/** Whether this kernel knows the flags: it looks at them before it misses the program, EFAULT (seccomp(2)). */
export function supportsFilterFlags(flags: number): boolean {
  try {
    check("seccomp", () => cSeccomp(SECCOMP_SET_MODE_FILTER, flags, null));
    return false;
  } catch (error) {
    return error instanceof SyscallError && error.code === "EFAULT";
  }
}
