/** The checks that need nothing but the request: all are made before anything of a container is created. */
import { TsrunError } from "../errors.ts";
import type { ImageConfig } from "./api.ts";
import { validateEnv } from "./env.ts";
import { validateHealthCheck } from "./health.ts";
import { validateHostname } from "./hostname.ts";
import { absoluteWorkdir, mergeImageConfig } from "./image-defaults.ts";
import { validateMounts } from "./mounts.ts";
import { validateContainerName } from "./names.ts";
import { isOwn } from "./namespace-modes.ts";
import { hasOwnNetwork } from "./network-mode.ts";
import { resolveRlimits } from "./rlimits.ts";
import { parseSecurityOptions } from "./security-opt.ts";
import { parseSignal } from "./signals.ts";
import { resolveSysctls } from "./sysctls.ts";
import type { ContainerOptions } from "./types.ts";
import { parseVolumesFrom } from "./volumes/validate.ts";

/** Throws the TsrunError of the first thing wrong with the options; call it before the image is pulled. */
export function validateContainerOptions(options: ContainerOptions): void {
  if (options.name !== undefined) validateContainerName(options.name);
  if (options.hostname) validateHostname("hostname", options.hostname);
  if (options.domainname) validateHostname("domainname", options.domainname);
  validateEnv(options.env ?? []);
  validateMounts(options.mounts ?? []);
  (options.volumesFrom ?? []).forEach(parseVolumesFrom);
  parseSecurityOptions(options);
  resolveSysctls(options.sysctls ?? {}, {
    ownNetwork: hasOwnNetwork(options),
    ownIpc: isOwn(options, "ipc"),
  });
  resolveRlimits(options.ulimits ?? [], {});
  if (options.workdir) absoluteWorkdir(options.workdir);
  if (options.stopSignal) parseSignal(options.stopSignal);
  validateHealthCheck(options.healthCheck ?? {});
  validateNumbers(options);
  validateRestart(options);
}

/** The same for what only the image and the options together decide; call it before the container is created. */
export function validateAgainstImage(options: ContainerOptions, image: ImageConfig): void {
  const { stopSignal, env } = mergeImageConfig(options, image);
  parseSignal(stopSignal);
  validateEnv(env);
}

function validateNumbers({ oomScoreAdj = 0, shmSize, stopTimeout = 0 }: ContainerOptions): void {
  if (!(oomScoreAdj >= -1000 && oomScoreAdj <= 1000)) {
    throw new TsrunError(
      "ERR_TSRUN_OOM_SCORE_ADJ_INVALID",
      `Invalid value ${oomScoreAdj}, range for oom score adj is [-1000, 1000]`,
    );
  }
  if (shmSize !== undefined && !(shmSize >= 0)) {
    throw new TsrunError("ERR_TSRUN_SHM_SIZE_INVALID", "SHM size can not be less than 0");
  }
  if (!Number.isInteger(stopTimeout) || stopTimeout < -1) {
    throw new TsrunError("ERR_TSRUN_STOP_TIMEOUT_INVALID", `invalid stop timeout: ${stopTimeout}`, {
      hint: "a number of seconds; -1 waits for ever",
    });
  }
}

function validateRestart({ autoRemove, restartPolicy }: ContainerOptions): void {
  if (autoRemove && restartPolicy !== undefined && restartPolicy.name !== "no") {
    throw new TsrunError(
      "ERR_TSRUN_OPTION_CONFLICT",
      "conflicting options: cannot specify both --restart and --rm",
      { hint: "a container that is removed when it ends cannot be started again" },
    );
  }
}
