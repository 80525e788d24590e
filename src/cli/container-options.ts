/** From parsed flags to what the engine is asked for. */
import type { ContainerOptions } from "../engine/types.ts";
import type { runFlags } from "./container-flags.ts";
import type { OptionValues } from "./option-table.ts";
import { readEnvFile } from "./options/env-file.ts";
import { healthCheck } from "./options/health.ts";
import { networking } from "./options/network.ts";
import { logOptions, resolveEnv, toRecord } from "./options/pairs.ts";
import { resources } from "./options/resources.ts";
import { attachments } from "./options/streams.ts";

type Flags = OptionValues<typeof runFlags>;

/** Checks what flags say together and reads the files they name. `env` is where `-e NAME` finds its value. */
export function toContainerOptions(
  flags: Flags,
  [image = "", ...words]: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ContainerOptions {
  const fromFiles = flags["env-file"].flatMap((path) => readEnvFile(path, (name) => env[name]));
  const labels = flags["label-file"].flatMap((path) => readEnvFile(path, () => ""));
  const limits = resources(flags);
  return {
    image,
    ...(words.length > 0 && { command: words }),
    // An empty --entrypoint clears the image's.
    ...(flags.entrypoint !== undefined && { entrypoint: flags.entrypoint === "" ? [] : [flags.entrypoint] }),
    env: [...fromFiles, ...resolveEnv(flags.env, env)],
    labels: toRecord([...labels, ...flags.label]),
    annotations: toRecord(flags.annotation),
    mounts: [...flags.volume, ...flags.mount, ...flags.tmpfs],
    volumesFrom: flags["volumes-from"],
    sysctls: toRecord(flags.sysctl),
    logOptions: logOptions(flags["log-driver"], flags["log-opt"]),
    pull: flags.pull ?? "missing",
    tty: flags.tty,
    interactive: flags.interactive,
    readOnly: flags["read-only"],
    privileged: flags.privileged,
    ...(flags.userns !== undefined && { userns: flags.userns }),
    init: flags.init,
    autoRemove: flags.rm,
    attach: attachments(flags) ?? { stdin: false, stdout: false, stderr: false },
    groupAdd: flags["group-add"],
    capAdd: flags["cap-add"],
    capDrop: flags["cap-drop"],
    securityOpt: flags["security-opt"],
    ulimits: flags.ulimit,
    devices: flags.device,
    extraHosts: flags["add-host"],
    dns: flags.dns,
    dnsSearch: flags["dns-search"],
    dnsOptions: flags["dns-option"],
    ...networking(flags),
    ...(flags.publish.length > 0 && { ports: flags.publish.flat() }),
    ...(flags.expose.length > 0 && { exposedPorts: flags.expose.flat() }),
    publishAll: flags["publish-all"],
    ...(limits !== undefined && { resources: limits }),
    ...defined({
      name: flags.name,
      hostname: flags.hostname,
      domainname: flags.domainname,
      workdir: flags.workdir,
      user: flags.user,
      platform: flags.platform,
      shmSize: flags["shm-size"],
      stopSignal: flags["stop-signal"],
      stopTimeout: flags["stop-timeout"],
      oomScoreAdj: flags["oom-score-adj"],
      healthCheck: healthCheck(flags),
      cgroupParent: flags["cgroup-parent"],
      pid: flags.pid || undefined,
      ipc: flags.ipc || undefined,
      uts: flags.uts || undefined,
      logDriver: flags["log-driver"],
      restartPolicy: flags.restart,
      detachKeys: flags["detach-keys"],
      volumeDriver: flags["volume-driver"],
    }),
  };
}

type Defined<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/** The object without the properties that are undefined. */
function defined<T extends object>(object: T): Defined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, item]) => item !== undefined)) as Defined<T>;
}
