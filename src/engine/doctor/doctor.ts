/**
 * doctor: what this host lacks for containers, and the one command that adds each. It needs no Engine: what it looks for
 * may be what keeps one from being made.
 */
import { TsrunError } from "../../errors.ts";
import type { Finding } from "./finding.ts";
import { hostRules } from "./host-rules.ts";
import { type HostView, thisHost } from "./host-view.ts";
import { userRules } from "./user-rules.ts";

export interface Diagnosis {
  /** For all containers. */
  host: Finding[];
  /** For those of this ordinary user, besides; undefined where root is meant. */
  user?: { name: string; findings: Finding[] };
}

/** Examines this host for a user, by default who calls. Throws ERR_TSRUN_USER_UNKNOWN. */
export function diagnose(env: HostView["env"], userName?: string): Diagnosis {
  const host = thisHost(env, userName);
  if (Number.isNaN(host.user.uid)) {
    throw new TsrunError("ERR_TSRUN_USER_UNKNOWN", `this host has no user ${userName}`, {
      hint: "getent passwd lists those it has",
    });
  }
  return examine(host);
}

export function examine(host: HostView): Diagnosis {
  const findings = hostRules.map((rule) => rule(host));
  if (host.user.uid === 0) return { host: findings };
  return {
    host: findings,
    user: { name: host.user.name, findings: userRules.flatMap((rule) => rule(host) ?? []) },
  };
}
