/** `inspect`: a container in the shape and with the field names of docker's API, which scripts and templates know. */
import { join } from "node:path";
import { mountsOf } from "../../engine/mounts.ts";
import type { ContainerRecord, ContainerState, ContainerSummary } from "../../engine/types.ts";
import { containerDir, layersDir, type Paths } from "../../store/paths.ts";
import { exposedPorts } from "../container-network.ts";
import type { ContainerSize } from "../container-size.ts";
import { goMap, goNilMap, goSlice, goStruct } from "../template/values.ts";
import { statusWord } from "./container-row.ts";
import { dockerHealthcheck, healthOf } from "./docker-health.ts";
import { hostConfig } from "./docker-host-config.ts";
import { mountPoint } from "./docker-mounts.ts";
import { networkSettings } from "./docker-network-settings.ts";

const NEVER = "0001-01-01T00:00:00Z";

export interface InspectContext {
  paths: Paths;
  /** With `-s`. */
  size: ContainerSize | undefined;
}

export function inspectContainer(
  { record, state }: ContainerSummary,
  { paths, size }: InspectContext,
): object {
  const directory = containerDir(paths, record.id);
  const document = {
    Id: record.id,
    Created: record.createdAt,
    Path: record.path,
    Args: record.args,
    State: stateOf(state),
    Image: record.imageId,
    ResolvConfPath: join(directory, "resolv.conf"),
    HostnamePath: join(directory, "hostname"),
    HostsPath: join(directory, "hosts"),
    LogPath: record.logDriver === "json-file" ? join(directory, "log.json") : "",
    Name: `/${record.name}`,
    RestartCount: state.restartCount,
    Driver: "overlay2",
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: lastOf(record.options.securityOpt, "apparmor="),
    ExecIDs: goSlice([]),
    HostConfig: hostConfig(record),
    GraphDriver: graphDriver(record, paths),
    ...(size !== undefined && { SizeRw: size.own, SizeRootFs: size.total }),
    // What --tmpfs asks for is in HostConfig.Tmpfs alone.
    Mounts: mountsOf(record)
      .filter((mount) => !(mount.type === "tmpfs" && mount.short))
      .map((mount) => mountPoint(mount, paths)),
    Config: configOf(record),
    NetworkSettings: networkSettings({ record, state }),
  };
  return goStruct(document, { SizeRw: null, SizeRootFs: null });
}

/** What the last of these options says, "" where none does. */
const lastOf = (options: readonly string[] = [], prefix: string): string =>
  options.findLast((option) => option.startsWith(prefix))?.slice(prefix.length) ?? "";

function stateOf(state: ContainerState): object {
  const document = {
    Status: statusWord(state),
    // Docker's word for "not over".
    Running: state.status === "running" || state.status === "restarting",
    Paused: state.paused ?? false,
    Restarting: state.status === "restarting",
    OOMKilled: state.oomKilled,
    Dead: state.status === "dead",
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt || NEVER,
    FinishedAt: state.finishedAt || NEVER,
    ...(state.health !== undefined && { Health: healthOf(state.health) }),
  };
  return goStruct(document, { Health: null });
}

/** What was asked for, and what the image says where nothing was. */
function configOf(record: ContainerRecord): object {
  const { options, imageConfig: image } = record;
  const interactive = options.interactive ?? false;
  const exposed = exposedPorts(record);
  const document = {
    Hostname: record.hostname,
    Domainname: options.domainname ?? "",
    User: options.user ?? image.User ?? "",
    AttachStdin: options.attach?.stdin ?? interactive,
    AttachStdout: options.attach?.stdout ?? true,
    AttachStderr: options.attach?.stderr ?? true,
    ...(exposed.length > 0 && { ExposedPorts: goMap(Object.fromEntries(exposed.map((port) => [port, {}]))) }),
    Tty: options.tty ?? false,
    OpenStdin: interactive,
    StdinOnce: interactive && (options.attach?.stdin ?? true),
    Env: record.env,
    // --entrypoint makes the image's Cmd, which are arguments to the image's Entrypoint, meaningless.
    Cmd: goSlice(options.command ?? (options.entrypoint === undefined ? image.Cmd : undefined)),
    ...(record.healthCheck !== undefined && { Healthcheck: dockerHealthcheck(record.healthCheck) }),
    Image: record.image,
    Volumes: declaredVolumes(record),
    WorkingDir: options.workdir || image.WorkingDir ? record.workdir : "",
    Entrypoint: goSlice(options.entrypoint ?? image.Entrypoint),
    OnBuild: goSlice([]),
    Labels: goMap(record.labels),
    ...((options.stopSignal || image.StopSignal) && { StopSignal: record.stopSignal }),
    ...(options.stopTimeout !== undefined && { StopTimeout: options.stopTimeout }),
  };
  return goStruct(document, {
    ExposedPorts: goNilMap({}),
    ArgsEscaped: false,
    Healthcheck: null,
    NetworkDisabled: false,
    MacAddress: "",
    Shell: goSlice([]),
    StopSignal: "",
    StopTimeout: null,
  });
}

/** Paths that get a volume without a name: the image's, and those of `-v PATH`. */
function declaredVolumes({ options, imageConfig }: ContainerRecord): object {
  const asked = (options.mounts ?? []).flatMap((mount) =>
    mount.type === "volume" && mount.short && mount.name === "" ? [[mount.target, {}] as const] : [],
  );
  return goNilMap({ ...imageConfig.Volumes, ...Object.fromEntries(asked) });
}

/** The mount itself is made in the container's own mount namespace, so MergedDir is empty when seen from the host. */
function graphDriver(record: ContainerRecord, paths: Paths): object {
  const directory = containerDir(paths, record.id);
  const layers = record.layers.map((diffId) =>
    join(layersDir(paths), diffId.replace("sha256:", "").slice(0, 32)),
  );
  return {
    Data: goMap({
      LowerDir: layers.reverse().join(":"),
      MergedDir: join(directory, "merged"),
      UpperDir: join(directory, "upper"),
      WorkDir: join(directory, "work"),
    }),
    Name: "overlay2",
  };
}
