/** OciSeccomp (config-linux.md, "Seccomp") to the program that seccomp(2) takes. */
import { TsrunError } from "../../errors.ts";
import { SyscallError } from "../../kernel/errors.ts";
import {
  type ArgumentTest,
  compileFilter,
  type FilterRule,
  nativeArchitecture,
} from "../../kernel/seccomp.ts";
import type { OciSeccomp, OciSeccompRule } from "../oci.ts";
import { prependEnosys } from "./enosys.ts";
import { invalid } from "./profile.ts";

const EPERM = 1;
const ENOSYS = 38;

/** SECCOMP_RET_* of linux/seccomp.h; the low 16 bits carry the errno. */
const ACTIONS: Readonly<Record<string, number>> = {
  SCMP_ACT_KILL: 0x00000000,
  SCMP_ACT_KILL_THREAD: 0x00000000,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};

const OPERATORS: Readonly<Record<string, number>> = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_LT: 2,
  SCMP_CMP_LE: 3,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GE: 5,
  SCMP_CMP_GT: 6,
  SCMP_CMP_MASKED_EQ: 7,
};

/** AUDIT_ARCH_* of linux/audit.h; X32 is libseccomp's own. */
const ARCHITECTURES: Readonly<Record<string, number>> = {
  SCMP_ARCH_X86: 0x40000003,
  SCMP_ARCH_X86_64: 0xc000003e,
  SCMP_ARCH_X32: 0x4000003e,
  SCMP_ARCH_ARM: 0x40000028,
  SCMP_ARCH_AARCH64: 0xc00000b7,
  SCMP_ARCH_MIPS: 0x00000008,
  SCMP_ARCH_MIPS64: 0x80000008,
  SCMP_ARCH_MIPS64N32: 0xa0000008,
  SCMP_ARCH_MIPSEL: 0x40000008,
  SCMP_ARCH_MIPSEL64: 0xc0000008,
  SCMP_ARCH_MIPSEL64N32: 0xe0000008,
  SCMP_ARCH_PPC: 0x00000014,
  SCMP_ARCH_PPC64: 0x80000015,
  SCMP_ARCH_PPC64LE: 0xc0000015,
  SCMP_ARCH_RISCV64: 0xc00000f3,
  SCMP_ARCH_S390: 0x00000016,
  SCMP_ARCH_S390X: 0x80000016,
};

/**
 * struct sock_filter[] in the machine's own layout. Throws ERR_TSRUN_SECCOMP_PROFILE_INVALID for what the profile says
 * wrongly, _SECCOMP_LIBRARY_MISSING and _SECCOMP_COMPILE for what libseccomp cannot do.
 */
export function compileSeccomp(seccomp: OciSeccomp): Uint8Array {
  const defaultAction = action(seccomp.defaultAction, seccomp.defaultErrnoRet);
  const rules = (seccomp.syscalls ?? []).flatMap((rule) => filterRules(rule, defaultAction));
  const names = new Set((seccomp.syscalls ?? []).flatMap((rule) => rule.names));
  const listed = (seccomp.architectures ?? []).map((name) => lookup(ARCHITECTURES, name, "architecture"));
  try {
    const program = compileFilter({ defaultAction, architectures: listed, rules });
    const isPermissive = defaultAction === ACTIONS.SCMP_ACT_ALLOW || defaultAction === ACTIONS.SCMP_ACT_LOG;
    if (isPermissive || defaultAction === action("SCMP_ACT_ERRNO", ENOSYS)) return program;
    return prependEnosys(program, new Set([nativeArchitecture(), ...listed]), names);
  } catch (error) {
    throw explain(error);
  }
}

function filterRules(rule: OciSeccompRule, defaultAction: number): FilterRule[] {
  const ruleAction = action(rule.action, rule.errnoRet);
  // libseccomp refuses rules that say what the default says.
  if (ruleAction === defaultAction) return [];
  return testSets(rule).flatMap((tests) => rule.names.map((name) => ({ action: ruleAction, name, tests })));
}

/** All tests of a rule must hold, but several on one argument are alternatives: libseccomp takes one each. */
function testSets(rule: OciSeccompRule): ArgumentTest[][] {
  const tests = (rule.args ?? []).map(({ index, value, valueTwo, op }) => ({
    index,
    op: lookup(OPERATORS, op, "operator"),
    a: BigInt(value),
    b: BigInt(valueTwo ?? 0),
  }));
  const isRepeated = new Set(tests.map(({ index }) => index)).size < tests.length;
  return isRepeated ? tests.map((test) => [test]) : [tests];
}

function action(name: string, errno = EPERM): number {
  const base = lookup(ACTIONS, name, "action");
  return name === "SCMP_ACT_ERRNO" || name === "SCMP_ACT_TRACE" ? base | (errno & 0xffff) : base;
}

function lookup(table: Readonly<Record<string, number>>, name: string, kind: string): number {
  const value = table[name];
  if (value === undefined)
    throw invalid("it", `${kind} ${name} is not one of ${Object.keys(table).join(", ")}`);
  return value;
}

function explain(error: unknown): unknown {
  if (error instanceof SyscallError) {
    return new TsrunError(
      "ERR_TSRUN_SECCOMP_COMPILE",
      `libseccomp cannot compile the profile: ${error.message}`,
      {
        hint: "look at the rule it names, or start without a filter: --security-opt seccomp=unconfined",
        cause: error,
      },
    );
  }
  if (error instanceof Error && /libseccomp/.test(error.message)) {
    return new TsrunError("ERR_TSRUN_SECCOMP_LIBRARY_MISSING", "libseccomp.so.2 cannot be loaded", {
      hint: "install it: apt-get install libseccomp2",
      cause: error,
    });
  }
  return error;
}
