/** Words of a filter that there is no meaning for, said before anything is made (config-linux.md, "Seccomp"). */
import type { OciSeccomp } from "../oci.ts";
import {
  SECCOMP_ACTIONS,
  SECCOMP_ARCHITECTURES,
  SECCOMP_FLAGS,
  SECCOMP_OPERATORS,
} from "../seccomp/words.ts";
import type { Rule } from "./context.ts";
import { invalidConfig } from "./errors.ts";

export const checkSeccomp: Rule = ({ linux: { seccomp } }) => {
  if (seccomp === undefined) return;
  known(SECCOMP_ACTIONS, seccomp.defaultAction ?? "", "action");
  for (const name of seccomp.architectures ?? []) known(SECCOMP_ARCHITECTURES, name, "arch");
  for (const flag of seccomp.flags ?? []) {
    if (!SECCOMP_FLAGS.includes(flag)) throw invalidConfig(`seccomp flag ${flag} is not known`);
  }
  for (const [index, { names, action, args = [] }] of (seccomp.syscalls ?? []).entries()) {
    const where = `linux.seccomp.syscalls[${index}]`;
    if (!names?.length) throw invalidConfig(`${where}: names must not be empty`);
    if (names.includes("")) throw invalidConfig(`${where}: empty string is not a valid syscall`);
    known(SECCOMP_ACTIONS, action ?? "", "action");
    for (const test of args) {
      known(SECCOMP_OPERATORS, test.op ?? "", "operator");
      if (test.index === undefined || test.index > 5) {
        throw invalidConfig(`${where}: a system call has arguments 0 to 5, not ${test.index}`);
      }
      if (test.value === undefined) throw invalidConfig(`${where}: an argument's value is missing`);
    }
  }
  for (const [action, errno] of errnos(seccomp)) {
    if (errno !== undefined && action !== "SCMP_ACT_ERRNO" && action !== "SCMP_ACT_TRACE") {
      throw invalidConfig(`linux.seccomp: ${action} returns no errno, but ${errno} is specified`);
    }
  }
  if (seccomp.listenerMetadata && !seccomp.listenerPath) {
    throw invalidConfig("linux.seccomp: listenerMetadata is specified without listenerPath");
  }
  checkNotify(seccomp);
};

const errnos = ({
  defaultAction,
  defaultErrnoRet,
  syscalls = [],
}: OciSeccomp): [string, number | undefined][] => [
  [defaultAction, defaultErrnoRet],
  ...syscalls.map(({ action, errnoRet }): [string, number | undefined] => [action, errnoRet]),
];

const NOTIFY = "SCMP_ACT_NOTIFY";

export const notifies = ({ syscalls = [] }: OciSeccomp): boolean =>
  syscalls.some(({ action }) => action === NOTIFY);

/** write(2) tells the descriptor, before anybody could answer for it. */
function checkNotify(seccomp: OciSeccomp): void {
  if (seccomp.defaultAction === NOTIFY) {
    throw invalidConfig("SCMP_ACT_NOTIFY cannot be used as default action");
  }
  if (!notifies(seccomp)) return;
  const names = (seccomp.syscalls ?? []).flatMap(({ action, names }) => (action === NOTIFY ? names : []));
  if (names.includes("write")) {
    throw invalidConfig("SCMP_ACT_NOTIFY cannot be used for the write syscall");
  }
  if (!seccomp.listenerPath) throw invalidConfig("seccomp listenerPath is not set");
}

function known(table: Readonly<Record<string, number>>, name: string, kind: string): void {
  if (table[name] === undefined) throw invalidConfig(`string ${name} is not a valid ${kind} for seccomp`);
}
