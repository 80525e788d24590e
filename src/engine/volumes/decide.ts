/**
 * From what was asked for to the mounts of a container: its own, those of other containers (--volumes-from), and a
 * volume for each path that its image declares, where nothing else is mounted.
 */
import type { ImageConfig } from "../../image/config-document.ts";
import type { Paths } from "../../store/paths.ts";
import type { EngineContext } from "../context.ts";
import { cleanTarget, mountsOf, needsNoDecision } from "../mounts.ts";
import { resolveContainer } from "../records.ts";
import { resolveImage } from "../resolve-image.ts";
import type {
  ContainerMount,
  ContainerOptions,
  ImageRequest,
  MountRequest,
  VolumeMount,
  VolumeRequest,
} from "../types.ts";
import { type ProvidedVolume, provideVolume } from "./create.ts";
import { makeImageDirectories } from "./locate.ts";
import { populateVolume } from "./populate.ts";
import { ANONYMOUS_LABEL, dataDirectory, needsMount } from "./records.ts";
import { removeAnonymous } from "./remove.ts";
import { LOCAL_DRIVER, parseVolumesFrom } from "./validate.ts";

/** A mount that is decided but for its volume, which may not exist yet. */
type Wanted = Exclude<ContainerMount, VolumeMount> | (VolumeRequest & { anonymous?: boolean });

export interface ProvidedMounts extends Disposable {
  mounts: ContainerMount[];
  /** Removes what was made for the container; it will not be. */
  undo(): Promise<void>;
}

/** What the container gets, in the order of its targets' claims; nothing is made. */
export function wantedMounts(paths: Paths, options: ContainerOptions, image: ImageConfig): Wanted[] {
  const byTarget = new Map<string, Wanted>();
  for (const spec of options.volumesFrom ?? [])
    for (const mount of mountsFrom(paths, spec)) byTarget.set(cleanTarget(mount.target), mount);
  for (const request of options.mounts ?? [])
    byTarget.set(cleanTarget(request.target), own(paths, options, request));
  for (const path of Object.keys(image.Volumes ?? {})) {
    const target = cleanTarget(path);
    if (target === "/" || byTarget.has(target)) continue;
    byTarget.set(target, withDriver(options, { type: "volume", name: "", target, readOnly: false }));
  }
  return [...byTarget.values()];
}

/**
 * Makes the volumes that are missing, fills those that are empty with the image's content, and holds them all until it
 * is disposed of: by then the container's record has to name them. The caller owns the container.
 */
export async function provideMounts(
  context: EngineContext,
  container: { id: string; layers: string[]; temporary: boolean },
  wanted: readonly Wanted[],
): Promise<ProvidedMounts> {
  const held = new Map<string, ProvidedVolume>();
  const release = (): void => {
    for (const volume of held.values()) volume[Symbol.dispose]();
  };
  const created = (): string[] =>
    [...held.values()].flatMap(({ isNew, record }) =>
      isNew && ANONYMOUS_LABEL in record.labels ? [record.name] : [],
    );
  const undo = async (): Promise<void> => {
    release();
    await removeAnonymous(context, created());
  };
  const mounts: ContainerMount[] = [];
  try {
    makeImageDirectories(context.paths, container.id, wanted);
    const volumes = new Map<Wanted, VolumeMount>();
    // In one order for all: two containers that wait for each other's volumes would wait for ever.
    for (const request of wanted.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))) {
      if (request.type !== "volume") continue;
      const known = request.name === "" ? undefined : held.get(request.name);
      const volume = known ?? (await provide(context, request, container));
      held.set(volume.record.name, volume);
      volumes.set(request, mountOf(request, volume));
    }
    for (const request of wanted) {
      if (request.type !== "volume") {
        mounts.push(request);
        continue;
      }
      const mount = volumes.get(request) as VolumeMount;
      mounts.push(mount);
      const directory = dataDirectory(context.paths, mount.name);
      if (!mount.needsMount) await populateVolume(context.paths, container, { mount, directory });
    }
    return { mounts, undo, [Symbol.dispose]: release };
  } catch (error) {
    await undo();
    throw error;
  }
}

/** What a container would get, as far as that is known before it exists: volumes without a name get the target's. */
export function shownMounts(wanted: readonly Wanted[]): ContainerMount[] {
  return wanted.map((mount) => {
    if (mount.type !== "volume") return mount;
    const { driver = LOCAL_DRIVER, driverOptions: options = {} } = mount;
    const name = mount.name || `volume-for-${mount.target.slice(1).replaceAll("/", "-")}`;
    return {
      ...mount,
      name,
      driver,
      anonymous: mount.name === "",
      needsMount: needsMount({ driver, options }),
    };
  });
}

const nameOf = (mount: Wanted): string => (mount.type === "volume" ? mount.name : "");

async function provide(
  context: EngineContext,
  request: VolumeRequest,
  { temporary }: { temporary: boolean },
): Promise<ProvidedVolume> {
  return provideVolume(context, {
    name: request.name,
    driver: request.driver,
    options: request.driverOptions,
    labels: request.labels,
    durable: !(temporary && request.name === ""),
  });
}

function mountOf(request: VolumeRequest & { anonymous?: boolean }, { record }: ProvidedVolume): VolumeMount {
  return {
    ...request,
    name: record.name,
    driver: record.driver,
    anonymous: request.anonymous ?? request.name === "",
    needsMount: needsMount(record),
  };
}

function own(paths: Paths, options: ContainerOptions, request: MountRequest): Wanted {
  if (needsNoDecision(request)) return request;
  return request.type === "image" ? withImage(paths, request) : withDriver(options, request);
}

const withDriver = ({ volumeDriver }: ContainerOptions, request: VolumeRequest): VolumeRequest =>
  volumeDriver && request.driver === undefined ? { ...request, driver: volumeDriver } : request;

function withImage(paths: Paths, request: ImageRequest): Wanted {
  const { id, diffIds } = resolveImage(paths, request.source);
  return { ...request, imageId: id, layers: diffIds };
}

/** "CONTAINER[:MODE]": its mounts of files, read-only with "ro". */
function mountsFrom(paths: Paths, spec: string): Wanted[] {
  const { container, readOnly } = parseVolumesFrom(spec);
  return mountsOf(resolveContainer(paths, container)).flatMap((mount): Wanted[] => {
    if (mount.type === "tmpfs") return [];
    if (mount.type === "image") return [mount];
    const both = { ...mount, readOnly: mount.readOnly || readOnly };
    return [both.type === "volume" ? { ...both, noCopy: true } : both];
  });
}
