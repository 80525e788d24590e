/** tsrun.service: a boot starts containers again, and a shutdown stops them in their own time. */
import { dirname } from "node:path";
import type { Paths } from "../store/paths.ts";

export interface UnitSettings {
  /** bin/tsrun. */
  program: string;
  /** The node that runs it, which the service manager's PATH need not have. */
  node: string;
  paths: Paths;
  /** TSRUN_CONFIG, where it is set. */
  configFile: string | undefined;
}

const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The unit's text (systemd.service(5)). */
export function systemdUnit({ program, node, paths, configFile }: UnitSettings): string {
  const environment = [
    `PATH=${dirname(node)}:${SYSTEM_PATH}`,
    `TSRUN_ROOT=${paths.root}`,
    `TSRUN_RUN=${paths.run}`,
    ...(configFile === undefined ? [] : [`TSRUN_CONFIG=${configFile}`]),
  ];
  const command = quote(program).replaceAll("$", "$$$$"); // "$$": the one of no variable
  return `[Unit]
Description=tsrun containers with a restart policy
Wants=network-online.target
After=network-online.target
RequiresMountsFor=${quote(paths.root)}

[Service]
Type=oneshot
RemainAfterExit=yes
${environment.map((setting) => `Environment=${quote(setting)}`).join("\n")}
# One container that cannot be started must not take the others down with it.
ExecStart=-${command} system boot
ExecStop=${command} system shutdown
TimeoutStartSec=infinity
# The containers' monitors stay in the service's group; what they watch is stopped by ExecStop.
KillMode=process

[Install]
WantedBy=multi-user.target
`;
}

/** A word as systemd.syntax(7) reads it: no specifiers are meant. */
function quote(word: string): string {
  const plain = word.replaceAll("%", "%%");
  if (/^[\w@%+=:,./-]+$/.test(plain)) return plain;
  return `"${plain.replace(/["\\]/g, "\\$&")}"`;
}
