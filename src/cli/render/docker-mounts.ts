/** Mounts in the shape and with the field names of docker's API. */
import type {
  BindRequest,
  ContainerMount,
  ContainerOptions,
  MountRequest,
  TmpfsRequest,
  VolumeRequest,
} from "../../engine/types.ts";
import { dataDirectory } from "../../engine/volumes/records.ts";
import { LOCAL_DRIVER } from "../../engine/volumes/validate.ts";
import type { Paths } from "../../store/paths.ts";
import { goMap, goStruct } from "../template/values.ts";

/** An element of `Mounts`: what the container has. */
export function mountPoint(mount: ContainerMount, paths: Paths): object {
  return goStruct(fieldsOf(mount, paths), { Name: "", Driver: "" });
}

function fieldsOf(mount: ContainerMount, paths: Paths): object {
  const { target: Destination } = mount;
  switch (mount.type) {
    case "tmpfs": {
      const RW = !mount.options.includes("ro");
      return { Type: "tmpfs", Source: "", Destination, Mode: "", RW, Propagation: "" };
    }
    case "image":
      return {
        Type: "image",
        Name: mount.source,
        Source: mount.imageId,
        Destination,
        Mode: "",
        RW: false,
        Propagation: "",
      };
    case "volume": {
      const { name: Name, driver: Driver, readOnly, anonymous } = mount;
      // Docker's daemon relabels named volumes, on hosts that have labels.
      const Mode = modes(mount) || (anonymous || Driver !== LOCAL_DRIVER ? "" : "z");
      const Source = Driver === LOCAL_DRIVER ? dataDirectory(paths, Name) : "";
      return { Type: "volume", Name, Source, Destination, Driver, Mode, RW: !readOnly, Propagation: "" };
    }
    default:
      return {
        Type: "bind",
        Source: mount.source,
        Destination,
        Mode: mount.sourceMustExist ? "" : modes(mount),
        RW: !mount.readOnly,
        Propagation: mount.propagation ?? "rprivate",
      };
  }
}

/** HostConfig.Binds: SOURCE:CONTAINER[:OPTIONS], as -v was written. */
export function binds({ mounts = [] }: ContainerOptions): string[] {
  return mounts.flatMap((mount) => {
    if (mount.type === "bind" && !mount.sourceMustExist) return [bindText(mount.source, mount)];
    return mount.type === "volume" && mount.short && mount.name !== "" ? [bindText(mount.name, mount)] : [];
  });
}

function bindText(source: string, mount: BindRequest | VolumeRequest): string {
  const options = modes(mount);
  return [source, mount.target, ...(options === "" ? [] : [options])].join(":");
}

function modes(mount: BindRequest | VolumeRequest): string {
  const propagation = mount.type === "bind" ? mount.propagation : undefined;
  const noCopy = mount.type === "volume" && mount.short && mount.noCopy;
  const words = [mount.readOnly && "ro", noCopy && "nocopy", mount.mapOwner && "U", propagation];
  return words.filter(Boolean).join(",");
}

/** HostConfig.Mounts: what --mount asked for. */
export function mountSpecs({ mounts = [] }: ContainerOptions): object[] {
  return mounts.flatMap((mount) => mountSpec(mount) ?? []);
}

function mountSpec(mount: MountRequest): object | undefined {
  const common = (source: string, readOnly: boolean) => ({
    Type: mount.type,
    ...(source !== "" && { Source: source }),
    Target: mount.target,
    ...(readOnly && { ReadOnly: true }),
  });
  switch (mount.type) {
    case "tmpfs":
      return mount.short ? undefined : tmpfsSpec(mount);
    case "bind": {
      if (!mount.sourceMustExist) return undefined;
      const BindOptions = {
        ...(mount.propagation && { Propagation: mount.propagation }),
        ...(mount.recursive === false && { NonRecursive: true }),
        ...(mount.readOnlyRecursive === false && { ReadOnlyNonRecursive: true }),
      };
      return { ...common(mount.source, mount.readOnly), ...unlessEmpty({ BindOptions }) };
    }
    case "volume": {
      if (mount.short) return undefined;
      const { driver, driverOptions } = mount;
      const VolumeOptions = {
        ...(mount.noCopy && { NoCopy: true }),
        ...(mount.labels && { Labels: goMap(mount.labels) }),
        ...(mount.subpath !== undefined && { Subpath: mount.subpath }),
        ...((driver || driverOptions) && {
          DriverConfig: {
            ...(driver && { Name: driver }),
            ...(driverOptions && { Options: goMap(driverOptions) }),
          },
        }),
      };
      return { ...common(mount.name, mount.readOnly), ...unlessEmpty({ VolumeOptions }) };
    }
    default: {
      const ImageOptions = { ...(mount.subpath !== undefined && { Subpath: mount.subpath }) };
      return { ...common(mount.source, false), ...unlessEmpty({ ImageOptions }) };
    }
  }
}

function tmpfsSpec({ target, options }: TmpfsRequest): object {
  const given = (key: string): string | undefined =>
    options.findLast((option) => option.startsWith(`${key}=`))?.slice(key.length + 1);
  const [size, mode] = [given("size"), given("mode")];
  const TmpfsOptions = {
    ...(size !== undefined && { SizeBytes: Number(size) }),
    ...(mode !== undefined && { Mode: Number.parseInt(mode, 8) }),
  };
  return {
    Type: "tmpfs",
    Target: target,
    ...(options.includes("ro") && { ReadOnly: true }),
    ...unlessEmpty({ TmpfsOptions }),
  };
}

const unlessEmpty = (named: Record<string, object>): object =>
  Object.fromEntries(Object.entries(named).filter(([, value]) => Object.keys(value).length > 0));
