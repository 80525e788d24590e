/** The ports that a container publishes, as its options ask and as it does while it runs. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../errors.ts";
import type { Reservation } from "../network/ports/reserve.ts";
import { readDocument } from "../store/documents.ts";
import { containerRunDir, type Paths } from "../store/paths.ts";
import type { EngineContext } from "./context.ts";
import { joinedContainer } from "./network-mode.ts";
import type {
  ContainerOptions,
  ContainerRecord,
  ContainerState,
  PortProtocol,
  PortRequest,
  PublishedPort,
} from "./types.ts";

type Subject = Pick<ContainerRecord, "options" | "imageConfig">;

export const portsPath = (paths: Paths, id: string): string => join(containerRunDir(paths, id), "ports.json");

/** "80/tcp" of what image and options say that the program listens on, by number. */
export function exposedPorts({ imageConfig, options }: Subject): string[] {
  const asked = (options.ports ?? []).map(({ containerPort, protocol }) => `${containerPort}/${protocol}`);
  const named = [...Object.keys(imageConfig.ExposedPorts ?? {}), ...(options.exposedPorts ?? []), ...asked];
  return [...new Set(named.map((port) => (port.includes("/") ? port : `${port}/tcp`)))].sort(
    (a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1),
  );
}

/** What was asked for; with publishAll, also any free port for what is exposed and not asked for by itself. */
export function requestedPorts({ options, imageConfig }: Subject): PortRequest[] {
  const asked = options.ports ?? [];
  if (!options.publishAll) return asked;
  const has = (name: string): boolean =>
    asked.some(({ containerPort, protocol }) => `${containerPort}/${protocol}` === name);
  const others = exposedPorts({ options, imageConfig }).filter((name) => !has(name));
  return [...asked, ...others.map(requestOf)];
}

function requestOf(name: string): PortRequest {
  const [port, protocol] = name.split("/");
  return { containerPort: Number(port), protocol: protocol as PortProtocol };
}

/** Throws ERR_TSRUN_NETWORK_CONFLICT where another container's network is shared, whose ports are not this one's. */
export function validatePorts(options: ContainerOptions): void {
  const wantsAny = (options.ports?.length ?? 0) > 0 || options.publishAll === true;
  if (!wantsAny || joinedContainer(options) === undefined) return;
  throw new TsrunError(
    "ERR_TSRUN_NETWORK_CONFLICT",
    "conflicting options: port publishing and the container type network mode",
    { hint: "publish the port with the container whose network this one joins" },
  );
}

/** The ports of the host that a container is to publish; undefined where there are none. */
export async function takePorts(
  context: EngineContext,
  subject: Subject & Pick<ContainerRecord, "endpoints">,
): Promise<Reservation | undefined> {
  if (requestedPorts(subject).length === 0) return undefined;
  const { reserveContainerPorts } = await import("./port-publishing.ts");
  return reserveContainerPorts(context, subject);
}

/** The ports that a container publishes at this moment. */
export const publishedPorts = (paths: Paths, id: string): PublishedPort[] =>
  readDocument<PublishedPort[]>(portsPath(paths, id)) ?? [];

/** The state with the ports that a running container publishes. */
export function withPorts(paths: Paths, id: string, state: ContainerState): ContainerState {
  return state.status === "running" ? { ...state, ports: publishedPorts(paths, id) } : state;
}

/** What is left of them where the monitor was killed. The caller owns the container. */
export async function releasePorts(paths: Paths, id: string): Promise<void> {
  if (!existsSync(portsPath(paths, id))) return;
  const { takeBackPorts } = await import("./port-publishing.ts");
  await takeBackPorts(paths, id);
}
