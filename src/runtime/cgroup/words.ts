/**
 * In whose words limits are asked for. docker's command line and an OCI configuration have the same fields, but differ
 * in what they leave unsaid: docker's `--memory` alone allows as much swap again and `--pids-limit 0` means no limit,
 * while a configuration means what it says. Messages name the option or the field that the user wrote.
 */
export type Words = "docker" | "oci";

/** Fields below linux.resources (config-linux.md); what has no option is named by its field anyway. */
const FIELDS: Readonly<Record<string, string>> = {
  "--memory": "memory.limit",
  "--memory-swap": "memory.swap",
  "--memory-reservation": "memory.reservation",
  "--memory-swappiness": "memory.swappiness",
  "--oom-kill-disable": "memory.disableOOMKiller",
  "--cpu-shares": "cpu.shares",
  "--cpus": "cpu.quota",
  "--cpu-period": "cpu.period",
  "--cpu-rt-period": "cpu.realtimePeriod",
  "--cpu-rt-runtime": "cpu.realtimeRuntime",
  "--cpuset-cpus": "cpu.cpus",
  "--cpuset-mems": "cpu.mems",
  "--pids-limit": "pids.limit",
  "--blkio-weight": "blockIO.weight",
  "--blkio-weight-device": "blockIO.weightDevice",
  "--device-read-bps": "blockIO.throttleReadBpsDevice",
  "--device-write-bps": "blockIO.throttleWriteBpsDevice",
  "--device-read-iops": "blockIO.throttleReadIOPSDevice",
  "--device-write-iops": "blockIO.throttleWriteIOPSDevice",
  "device rules": "devices",
};

/** An option of docker's as the user wrote it: "--memory", or "linux.resources.memory.limit". */
export function wordFor(words: Words, option: string): string {
  if (words === "docker") return option;
  return `linux.resources.${FIELDS[option] ?? option}`;
}
