/** `info`: docker's document of it, and docker's text. */
import type { SystemInfo } from "../../engine/api.ts";
import { binarySize } from "./size.ts";

/** What of a host's facts docker tells, by docker's names; the client is the server. */
export function infoDocument(info: SystemInfo, version: string) {
  const { containers, cgroup, proxies } = info;
  return {
    Containers: containers.total,
    ContainersRunning: containers.running,
    ContainersPaused: containers.paused,
    ContainersStopped: containers.stopped,
    Images: info.images,
    Driver: info.storageDriver,
    Plugins: {
      Volume: ["local"],
      Network: ["bridge", "host", "none"],
      Log: ["json-file", "none"],
    },
    LoggingDriver: info.loggingDriver,
    CgroupDriver: cgroup.driver,
    CgroupVersion: String(cgroup.version),
    SecurityOptions: ["name=seccomp,profile=builtin", "name=cgroupns"],
    Swarm: { LocalNodeState: "inactive" },
    KernelVersion: info.kernelVersion,
    OperatingSystem: info.operatingSystem,
    OSVersion: info.osVersion,
    OSType: "linux",
    Architecture: info.architecture,
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: {
      InsecureRegistryCIDRs: info.insecureRegistries.filter((entry) => entry.includes("/")),
      InsecureRegistries: info.insecureRegistries,
      Mirrors: info.registryMirrors,
    },
    NCPU: info.cpus,
    MemTotal: info.memory,
    DockerRootDir: info.dataRoot,
    RuntimeDir: info.runRoot,
    HttpProxy: proxies.http,
    HttpsProxy: proxies.https,
    NoProxy: proxies.no,
    Name: info.name,
    ServerVersion: version,
    LiveRestoreEnabled: true,
    ClientInfo: { Version: version, Os: "linux" },
  };
}

export type InfoDocument = ReturnType<typeof infoDocument>;

export function infoText(document: InfoDocument): string {
  const { Plugins, RegistryConfig } = document;
  const proxies = [
    ["HTTP Proxy", document.HttpProxy],
    ["HTTPS Proxy", document.HttpsProxy],
    ["No Proxy", document.NoProxy],
  ].flatMap(([name, value]) => (value === "" ? [] : [` ${name}: ${value}`]));
  const lines = [
    "Client: tsrun",
    ` Version:    ${document.ClientInfo.Version}`,
    "",
    "Server:",
    ` Containers: ${document.Containers}`,
    `  Running: ${document.ContainersRunning}`,
    `  Paused: ${document.ContainersPaused}`,
    `  Stopped: ${document.ContainersStopped}`,
    ` Images: ${document.Images}`,
    ` Server Version: ${document.ServerVersion}`,
    ` Storage Driver: ${document.Driver}`,
    ` Logging Driver: ${document.LoggingDriver}`,
    ` Cgroup Driver: ${document.CgroupDriver}`,
    ` Cgroup Version: ${document.CgroupVersion}`,
    " Plugins:",
    ...Object.entries(Plugins).map(([kind, names]) => `  ${kind}: ${names.join(" ")}`),
    ` Kernel Version: ${document.KernelVersion}`,
    ` Operating System: ${document.OperatingSystem}`,
    ` OSType: ${document.OSType}`,
    ` Architecture: ${document.Architecture}`,
    ` CPUs: ${document.NCPU}`,
    ` Total Memory: ${binarySize(document.MemTotal)}`,
    ` Name: ${document.Name}`,
    ` Docker Root Dir: ${document.DockerRootDir}`,
    ` Runtime Dir: ${document.RuntimeDir}`,
    ...proxies,
    ...section(" Registry Mirrors:", RegistryConfig.Mirrors),
    ...section(" Insecure Registries:", RegistryConfig.InsecureRegistries),
    ` Live Restore Enabled: ${document.LiveRestoreEnabled}`,
  ];
  return `${lines.join("\n")}\n`;
}

const section = (title: string, entries: readonly string[]): string[] =>
  entries.length === 0 ? [] : [title, ...entries.map((entry) => `  ${entry}`)];
