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
import { SECCOMP_ACTIONS, SECCOMP_ARCHITECTURES, SECCOMP_OPERATORS } from "./words.ts";

const EPERM = 1;
const ENOSYS = 38;

/**
 * struct sock_filter[] in the machine's own layout. Throws ERR_TSRUN_SECCOMP_PROFILE_INVALID for what the profile says
 * wrongly, _SECCOMP_LIBRARY_MISSING and _SECCOMP_COMPILE for what libseccomp cannot do.
 */
export function compileSeccomp(seccomp: OciSeccomp): Uint8Array {
  const defaultAction = action(seccomp.defaultAction, seccomp.defaultErrnoRet);
  if (defaultAction === SECCOMP_ACTIONS.SCMP_ACT_NOTIFY) {
    throw invalid("it", "SCMP_ACT_NOTIFY cannot be the default action: who listens would have to ask itself");
  }
  const rules = (seccomp.syscalls ?? []).flatMap((rule) => filterRules(rule, defaultAction));
  if (rules.some((rule) => rule.action === SECCOMP_ACTIONS.SCMP_ACT_NOTIFY) && !seccomp.listenerPath) {
    throw invalid(
      "it",
      "SCMP_ACT_NOTIFY needs somebody who listens, whom only a bundle's listenerPath can name",
    );
  }
  const names = new Set((seccomp.syscalls ?? []).flatMap((rule) => rule.names));
  const listed = (seccomp.architectures ?? []).map((name) =>
    lookup(SECCOMP_ARCHITECTURES, name, "architecture"),
  );
  try {
    const program = compileFilter({ defaultAction, architectures: listed, rules });
    const isPermissive =
      defaultAction === SECCOMP_ACTIONS.SCMP_ACT_ALLOW || defaultAction === SECCOMP_ACTIONS.SCMP_ACT_LOG;
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
    op: lookup(SECCOMP_OPERATORS, op, "operator"),
    a: BigInt(value),
    b: BigInt(valueTwo ?? 0),
  }));
  const isRepeated = new Set(tests.map(({ index }) => index)).size < tests.length;
  return isRepeated ? tests.map((test) => [test]) : [tests];
}

function action(name: string, errno = EPERM): number {
  const base = lookup(SECCOMP_ACTIONS, name, "action");
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
