/**
 * Volume drivers: programs that know where a volume's files are, spoken to by docker's volume plugin protocol
 * (https://docs.docker.com/engine/extend/plugins_volume/). Each call is one request; nothing stays connected, since no
 * daemon is there to keep it.
 */
import { TsrunError } from "../../errors.ts";
import { callPlugin } from "./plugin-call.ts";
import { findPlugin, pluginNames } from "./plugin-discovery.ts";
import { LOCAL_DRIVER } from "./validate.ts";

/** What a driver says of a volume of its own. */
export interface DriverVolume {
  name: string;
  mountpoint?: string;
  /** RFC 3339. */
  createdAt?: string;
  status?: Record<string, unknown>;
}

/** All throw ERR_TSRUN_VOLUME_DRIVER_FAILED, with what the driver says. */
export interface VolumeDriver {
  scope(): Promise<"local" | "global">;
  create(name: string, options: Readonly<Record<string, string>>): Promise<void>;
  remove(name: string): Promise<void>;
  /** Makes the volume's files reachable for a user of that id; returns the directory of this host where they are. */
  mount(name: string, id: string): Promise<string>;
  unmount(name: string, id: string): Promise<void>;
  get(name: string): Promise<DriverVolume>;
  list(): Promise<DriverVolume[]>;
}

interface Reply {
  Err?: string;
  Implements?: string[];
  Mountpoint?: string;
  Volume?: PluginVolume | null;
  Volumes?: PluginVolume[] | null;
  Capabilities?: { Scope?: string };
}

interface PluginVolume {
  Name: string;
  Mountpoint?: string;
  CreatedAt?: string;
  Status?: Record<string, unknown>;
}

/** Names of the drivers that are installed, besides local. */
export const pluginDrivers = (): string[] => pluginNames().filter((name) => name !== LOCAL_DRIVER);

/** Makes sure that the driver is there; throws ERR_TSRUN_VOLUME_DRIVER_NOT_FOUND. */
export async function openDriver(name: string): Promise<VolumeDriver> {
  const endpoint = findPlugin(name);
  if (endpoint === undefined) {
    throw new TsrunError(
      "ERR_TSRUN_VOLUME_DRIVER_NOT_FOUND",
      `error looking up volume plugin ${name}: plugin "${name}" not found`,
      { hint: "drivers are found by their socket or file in /run/docker/plugins, /etc/docker/plugins, …" },
    );
  }
  const call = async (method: string, request: object = {}): Promise<Reply> => {
    const reply = (await callPlugin(name, endpoint, { method, request })) as Reply | null;
    if (reply?.Err) throw failure(name, method, reply.Err);
    return reply ?? {};
  };
  const { Implements = [] } = await call("Plugin.Activate");
  if (!Implements.includes("VolumeDriver"))
    throw failure(name, "Plugin.Activate", "it is no volume driver: it does not implement VolumeDriver");
  return {
    async scope() {
      // Drivers older than the call do not know it.
      const { Capabilities } = await call("VolumeDriver.Capabilities").catch((): Reply => ({}));
      return Capabilities?.Scope?.toLowerCase() === "global" ? "global" : "local";
    },
    async create(volume, options) {
      await call("VolumeDriver.Create", { Name: volume, Opts: options });
    },
    async remove(volume) {
      await call("VolumeDriver.Remove", { Name: volume });
    },
    async mount(volume, id) {
      const { Mountpoint = "" } = await call("VolumeDriver.Mount", { Name: volume, ID: id });
      if (Mountpoint.startsWith("/")) return Mountpoint;
      throw failure(name, "VolumeDriver.Mount", `it names no directory: ${JSON.stringify(Mountpoint)}`);
    },
    async unmount(volume, id) {
      await call("VolumeDriver.Unmount", { Name: volume, ID: id });
    },
    async get(volume) {
      const { Volume } = await call("VolumeDriver.Get", { Name: volume });
      if (!Volume) throw failure(name, "VolumeDriver.Get", `it does not know the volume ${volume}`);
      return volumeOf(Volume);
    },
    async list() {
      const { Volumes } = await call("VolumeDriver.List");
      return (Volumes ?? []).map(volumeOf);
    },
  };
}

function volumeOf({ Name, Mountpoint, CreatedAt, Status }: PluginVolume): DriverVolume {
  return {
    name: Name,
    ...(Mountpoint && { mountpoint: Mountpoint }),
    ...(CreatedAt && { createdAt: CreatedAt }),
    ...(Status && { status: Status }),
  };
}

function failure(driver: string, method: string, said: string): TsrunError {
  return new TsrunError("ERR_TSRUN_VOLUME_DRIVER_FAILED", `${method}: ${said}`, {
    hint: `that is what the volume driver ${driver} says: look into its log`,
  });
}
