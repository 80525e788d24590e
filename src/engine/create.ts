/** create: everything about a container is decided, checked and written down; nothing runs yet. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../errors.ts";
import type { Reservation } from "../network/ports/reserve.ts";
import { detectCgroupDriver } from "../runtime/cgroup/detect.ts";
import type { Lock } from "../store/locks.ts";
import { claimName, releaseName, resolveName } from "../store/names.ts";
import { containerDir, containerRunDir, type Paths } from "../store/paths.ts";
import { removeTree } from "../store/tree-removal.ts";
import type { ImageConfig } from "./api.ts";
import type { BegunStart } from "./begin-start.ts";
import { prepareBindSources } from "./bind-sources.ts";
import { removeRunDir, sweep } from "./cleanup.ts";
import type { EngineContext } from "./context.ts";
import { resolveDevices } from "./devices.ts";
import { containerEvent, recordEvent, timeNow } from "./events.ts";
import { userInImage } from "./files-in-layers.ts";
import { resolveHostname } from "./hostname.ts";
import { mergeImageConfig } from "./image-defaults.ts";
import { parseLogOptions } from "./log-options.ts";
import { needsNoDecision } from "./mounts.ts";
import { generateId, generateName } from "./names.ts";
import { resolveNamespaceModes, validateNamespaceModes } from "./namespace-modes.ts";
import { validateNetworkFiles } from "./network-files.ts";
import { hasOwnNetwork, joinedContainer } from "./network-mode.ts";
import { cgroupPath } from "./oci-config.ts";
import { ownContainer } from "./ownership.ts";
import { platformWarnings } from "./platform-warnings.ts";
import { takePorts, validatePorts } from "./published-ports.ts";
import { readRecord, resolveContainer, writeRecord } from "./records.ts";
import type { ResolvedImage } from "./resolve-image.ts";
import { containerCapabilities, seccompProfile, usesDefaultSeccomp } from "./security.ts";
import type { ContainerMount, ContainerOptions, ContainerRecord, UserNamespace } from "./types.ts";
import type { ResolvedUser } from "./user.ts";
import { userNamespaceMode, validateUserNamespace } from "./userns/mode.ts";
import { validateAgainstImage, validateContainerOptions } from "./validate.ts";
import { resolveNetworking } from "./validate-network.ts";
import type { ProvidedMounts } from "./volumes/decide.ts";

/** How long a container just made may be held by a command that looks whether anybody owns it. */
const OWN_TIMEOUT_MS = 2_000;

/** A container that exists, and that this process owns. */
export interface CreatedContainer {
  record: ContainerRecord;
  owned: Lock;
  /** Found in the image's account files just now. */
  user: ResolvedUser;
  warnings: string[];
  /** Taken for a start that follows at once, and begun of it. */
  ports?: Reservation | undefined;
  begun?: BegunStart | undefined;
}

/** The checks that need no image; every caller makes them before it pulls one. */
export async function validateRequest(context: EngineContext, options: ContainerOptions): Promise<void> {
  validateContainerOptions(options);
  validateNetworkFiles(options, context.config);
  resolveNetworking(context.paths, options);
  validatePorts(options);
  parseLogOptions(options, context.config);
  resolveDevices(options.devices ?? []);
  const capabilities = containerCapabilities(options);
  if (!usesDefaultSeccomp(context, options)) await seccompProfile(context, options, capabilities);
  detectCgroupDriver();
  validateUserNamespace(context.config, options);
  validateNamespaceModes(context.config, options);
  resolveNamespaceModes(context.paths, options);
  if (options.name !== undefined) refuseTakenName(context.paths, options.name);
}

/**
 * Makes the container; on any failure nothing of it is left. `toStart`: it is to be started at once, so that a port in
 * use is refused now.
 */
export async function createContainer(
  context: EngineContext,
  options: ContainerOptions,
  { image, toStart = false }: { image: ResolvedImage; toStart?: boolean },
): Promise<CreatedContainer> {
  const { paths } = context;
  validateAgainstImage(options, image.config);
  const user = userInImage(paths, image, options);
  const wanted = await wantedMounts(context, options, image);
  prepareBindSources(wanted ?? (options.mounts ?? []).filter(needsNoDecision));

  const id = generateId();
  const ports = toStart
    ? await takePorts(context, { ...resolveNetworking(paths, options), imageConfig: image.config })
    : undefined;
  let owned: Lock | undefined;
  let begun: BegunStart | undefined;
  let name: string | undefined;
  let provided: ProvidedMounts | undefined;
  try {
    mkdirSync(containerRunDir(paths, id), { recursive: true, mode: 0o700 });
    owned = await ownContainer(paths, id, OWN_TIMEOUT_MS);
    if (toStart) begun = await begin(context, options, { id, owned });
    // Nobody else may come near the setuid programs of an image (CVE-2021-41091), whatever the data root's mode is.
    mkdirSync(containerDir(paths, id), { recursive: true, mode: 0o700 });
    for (const part of ["upper", "work", "merged"]) {
      mkdirSync(join(containerDir(paths, id), part), {
        recursive: true,
        mode: part === "work" ? 0o700 : 0o755,
      });
    }
    name = await claim(context, options.name, id);
    if (wanted) {
      const { provideMounts } = await import("./volumes/decide.ts");
      const temporary = options.autoRemove ?? false;
      provided = await provideMounts(context, { id, layers: image.diffIds, temporary }, wanted);
    }
    const userNamespace = await userNamespaceFor(context, { options, image, user, claimant: id });
    const record = recordOf(context, { id, name, options, image, mounts: provided?.mounts, userNamespace });
    writeRecord(paths, record);
    recordEvent(context, containerEvent(record, "create"), record.createdAt);
    return { record, owned, user, ports, begun, warnings: platformWarnings(options, image) };
  } catch (error) {
    ports?.[Symbol.dispose]();
    begun?.[Symbol.dispose]();
    if (name !== undefined) releaseName(paths, name, id);
    await releaseUserNamespace(context, options, id);
    removeTree(containerDir(paths, id));
    removeRunDir(context, id);
    owned?.release();
    await provided?.undo();
    throw error;
  } finally {
    provided?.[Symbol.dispose]();
  }
}

/** The ids that the container is to have inside; they are its own from then on where there is a `claimant`. */
export async function userNamespaceFor(
  context: EngineContext,
  asked: { options: ContainerOptions; image: ResolvedImage; user: ResolvedUser; claimant?: string },
): Promise<UserNamespace | undefined> {
  if (userNamespaceMode(context.config, asked.options).kind === "host") return undefined;
  const { decideUserNamespace } = await import("./userns/decide.ts");
  return decideUserNamespace(context, asked);
}

async function releaseUserNamespace(
  { config, paths }: EngineContext,
  options: ContainerOptions,
  id: string,
): Promise<void> {
  if (userNamespaceMode(config, options).kind !== "auto") return;
  const { releaseIds } = await import("./userns/claims.ts");
  releaseIds(paths, id);
}

async function begin(
  { config, paths }: EngineContext,
  options: ContainerOptions,
  { id, owned }: { id: string; owned: Lock },
): Promise<BegunStart> {
  const { beginStart } = await import("./begin-start.ts");
  const isMapped = userNamespaceMode(config, options).kind !== "host";
  const summons = { id, socketDir: containerRunDir(paths, id), lockFd: owned.fd };
  return beginStart(summons, { ownNetwork: hasOwnNetwork(options) && !isMapped });
}

/** Whether volumes or images have to be looked for before the container's mounts are known. */
export function hasUndecidedMounts(options: ContainerOptions, image: ImageConfig): boolean {
  const { mounts = [], volumesFrom = [] } = options;
  return (
    volumesFrom.length > 0 || Object.keys(image.Volumes ?? {}).length > 0 || !mounts.every(needsNoDecision)
  );
}

async function wantedMounts({ paths }: EngineContext, options: ContainerOptions, { config }: ResolvedImage) {
  if (!hasUndecidedMounts(options, config)) return undefined;
  const { wantedMounts: decide } = await import("./volumes/decide.ts");
  return decide(paths, options, config);
}

/** The record of a container with these options; nothing is written. */
export function recordOf(
  context: EngineContext,
  {
    id,
    name,
    options,
    image,
    mounts,
    userNamespace,
  }: {
    id: string;
    name: string;
    options: ContainerOptions;
    image: ResolvedImage;
    mounts: ContainerMount[] | undefined;
    userNamespace?: UserNamespace | undefined;
  },
): ContainerRecord {
  const merged = mergeImageConfig(options, image.config);
  const networking = resolveNetworking(context.paths, options);
  const joined = joinedContainer(networking.options);
  const { driver, maxSize, maxFiles } = parseLogOptions(options, context.config);
  return {
    version: 1,
    id,
    name,
    createdAt: timeNow(),
    image: options.image,
    imageId: image.id,
    layers: image.diffIds,
    path: merged.path,
    args: merged.args,
    env: merged.env,
    workdir: merged.workdir,
    hostname:
      joined === undefined ? resolveHostname(options, id) : resolveContainer(context.paths, joined).hostname,
    stopSignal: merged.stopSignal,
    stopTimeout: merged.stopTimeout,
    labels: merged.labels,
    ...(merged.healthCheck !== undefined && { healthCheck: merged.healthCheck }),
    logDriver: driver,
    logMaxSize: maxSize,
    logMaxFiles: maxFiles,
    cgroupPath: cgroupPath(options, id),
    endpoints: networking.endpoints,
    options: resolveNamespaceModes(context.paths, networking.options),
    ...(mounts && { mounts }),
    ...(userNamespace && { userNamespace }),
    imageConfig: image.config,
  };
}

async function claim(context: EngineContext, wanted: string | undefined, id: string): Promise<string> {
  const { paths } = context;
  if (wanted === undefined) {
    for (let attempt = 0; ; attempt++) {
      const name = generateName(attempt);
      if (claimName(paths, name, id)) return name;
    }
  }
  if (claimName(paths, wanted, id)) return wanted;
  await sweep(context); // the name may belong to a container that was never completed
  if (claimName(paths, wanted, id)) return wanted;
  throw nameTaken(wanted, resolveName(paths, wanted) ?? "");
}

function refuseTakenName(paths: Paths, name: string): void {
  const holder = resolveName(paths, name);
  // A name that a killed rename left behind is given up when it is claimed.
  if (holder !== undefined && readRecord(paths, holder)?.name === name) throw nameTaken(name, holder);
}

export function nameTaken(name: string, holder: string): TsrunError {
  return new TsrunError(
    "ERR_TSRUN_NAME_CONFLICT",
    `Conflict. The container name "/${name}" is already in use by container "${holder}". You have to remove (or rename) that container to be able to reuse that name.`,
    { hint: `remove it with: tsrun rm ${name}` },
  );
}
