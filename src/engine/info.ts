/** info: what there is on this host, and what it is run with. */
import { readFileSync } from "node:fs";
import { arch, cpus, hostname, release, totalmem } from "node:os";
import { detectCgroupDriver } from "../runtime/cgroup/detect.ts";
import { readImages } from "../store/images.ts";
import type { EngineContext } from "./context.ts";
import { listContainers } from "./list.ts";

export interface SystemInfo {
  containers: { total: number; running: number; paused: number; stopped: number };
  images: number;
  storageDriver: "overlay";
  loggingDriver: string;
  cgroup: { driver: "cgroupfs"; version: 1 | 2 };
  kernelVersion: string;
  /** "Debian GNU/Linux 12 (bookworm)". */
  operatingSystem: string;
  /** VERSION_ID of os-release(5). */
  osVersion: string;
  /** As uname(2) says it: "x86_64". */
  architecture: string;
  cpus: number;
  /** Bytes. */
  memory: number;
  name: string;
  dataRoot: string;
  /** Runtime state: what is gone after a boot. */
  runRoot: string;
  registryMirrors: string[];
  insecureRegistries: string[];
  proxies: { http: string; https: string; no: string };
}

export async function systemInfo(context: EngineContext): Promise<SystemInfo> {
  const { config, paths } = context;
  const states = (await listContainers(context)).map(({ state }) => state);
  const paused = states.filter((state) => state.paused === true).length;
  const running = states.filter((state) => state.pid !== 0).length;
  const { proxies } = config;
  return {
    containers: {
      total: states.length,
      // Docker counts a container that is paused among those alone.
      running: running - paused,
      paused,
      stopped: states.length - running,
    },
    images: Object.keys(readImages(paths).known).length,
    storageDriver: "overlay",
    loggingDriver: config["log-driver"],
    cgroup: { driver: "cgroupfs", version: detectCgroupDriver().version },
    kernelVersion: release(),
    ...operatingSystem(),
    architecture: MACHINES[arch()] ?? arch(),
    cpus: cpus().length,
    memory: totalmem(),
    name: hostname(),
    dataRoot: paths.root,
    runRoot: paths.run,
    registryMirrors: config["registry-mirrors"].map((url) => (url.endsWith("/") ? url : `${url}/`)),
    insecureRegistries: [...config["insecure-registries"], "127.0.0.0/8", "::1/128"],
    proxies: {
      http: withoutPassword(proxies["http-proxy"]),
      https: withoutPassword(proxies["https-proxy"]),
      no: proxies["no-proxy"],
    },
  };
}

/** Node's names of architectures as uname(2) has them. */
const MACHINES: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64", ia32: "i686" };

/** A proxy's URL with its user and password masked, as dockerd shows it: info goes into bug reports. */
export const withoutPassword = (url: string): string => url.replace(/^([a-z]+:\/\/)?.*@/i, "$1xxxxx:xxxxx@");

/** os-release(5); the second path is for hosts without the first. */
function operatingSystem(): { operatingSystem: string; osVersion: string } {
  for (const path of ["/etc/os-release", "/usr/lib/os-release"]) {
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
      throw error;
    }
    const field = (name: string): string =>
      new RegExp(`^${name}=["']?(.*?)["']?$`, "m").exec(text)?.[1] ?? "";
    return { operatingSystem: field("PRETTY_NAME") || "Linux", osVersion: field("VERSION_ID") };
  }
  return { operatingSystem: "Linux", osVersion: "" };
}
