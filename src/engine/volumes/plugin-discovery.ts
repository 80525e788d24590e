/** Where plugins are: docker's places, and a directory of executables that are started for each call. */
import { accessSync, constants, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { TsrunError } from "../../errors.ts";

export interface PluginTls {
  insecureSkipVerify: boolean;
  caFile?: string;
  certFile?: string;
  keyFile?: string;
}

export type PluginEndpoint =
  | { kind: "socket"; path: string }
  | { kind: "url"; url: string; tls?: PluginTls }
  /** Started with a connected socket as descriptor 3, on which it serves one request. */
  | { kind: "program"; path: string };

/** Sockets that running plugins listen on; files that say where plugins are; executables. */
const SOCKETS = ["/run/docker/plugins"];
const SPECS = ["/etc/docker/plugins", "/usr/lib/docker/plugins"];
const PROGRAMS = ["/etc/tsrun/volume-drivers", "/usr/lib/tsrun/volume-drivers"];

export function findPlugin(name: string): PluginEndpoint | undefined {
  if (name === "" || name.includes("/") || name.startsWith(".")) return undefined;
  for (const directory of SOCKETS) {
    for (const path of [join(directory, `${name}.sock`), join(directory, name, `${name}.sock`)])
      if (statSync(path, { throwIfNoEntry: false })?.isSocket()) return { kind: "socket", path };
  }
  for (const directory of SPECS) {
    for (const base of [join(directory, name), join(directory, name, name)]) {
      const spec = readText(`${base}.spec`);
      if (spec !== undefined) return endpointOf(spec.trim());
      const json = readText(`${base}.json`);
      if (json !== undefined) return fromJson(`${base}.json`, json);
    }
  }
  for (const directory of PROGRAMS) {
    const path = join(directory, name);
    if (isProgram(path)) return { kind: "program", path };
  }
  return undefined;
}

/** Names of all plugins there are, whatever they implement. */
export function pluginNames(): string[] {
  const found = [
    ...SOCKETS.flatMap((directory) => namesIn(directory, [".sock"])),
    ...SPECS.flatMap((directory) => namesIn(directory, [".spec", ".json"])),
    ...PROGRAMS.flatMap((directory) => list(directory).filter((name) => isProgram(join(directory, name)))),
  ];
  return [...new Set(found)].sort();
}

function namesIn(directory: string, extensions: readonly string[]): string[] {
  return list(directory).flatMap((name) => {
    const extension = extensions.find((suffix) => name.endsWith(suffix));
    if (extension !== undefined) return [basename(name, extension)];
    const nested = list(join(directory, name)).some((file) =>
      extensions.some((suffix) => file === `${name}${suffix}`),
    );
    return nested ? [name] : [];
  });
}

function endpointOf(address: string, tls?: PluginTls): PluginEndpoint {
  const path = /^unix:\/\/(\/.*)$/.exec(address)?.[1];
  if (path !== undefined) return { kind: "socket", path };
  return { kind: "url", url: address.replace(/^tcp:/, tls ? "https:" : "http:"), ...(tls && { tls }) };
}

/** {"Name", "Addr", "TLSConfig": {"InsecureSkipVerify", "CAFile", "CertFile", "KeyFile"}} */
function fromJson(path: string, text: string): PluginEndpoint {
  let document: { Addr?: unknown; TLSConfig?: Record<string, unknown> | null };
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw broken(path, "it is not valid JSON", cause);
  }
  if (typeof document?.Addr !== "string") throw broken(path, "it names no Addr");
  const { TLSConfig } = document;
  if (!TLSConfig) return endpointOf(document.Addr);
  const file = (key: string): string | undefined =>
    typeof TLSConfig[key] === "string" && TLSConfig[key] !== "" ? TLSConfig[key] : undefined;
  const [caFile, certFile, keyFile] = [file("CAFile"), file("CertFile"), file("KeyFile")];
  return endpointOf(document.Addr, {
    insecureSkipVerify: TLSConfig["InsecureSkipVerify"] === true,
    ...(caFile && { caFile }),
    ...(certFile && { certFile }),
    ...(keyFile && { keyFile }),
  });
}

function broken(path: string, what: string, cause?: unknown): TsrunError {
  return new TsrunError(
    "ERR_TSRUN_VOLUME_DRIVER_FAILED",
    `${path} does not say where the plugin is: ${what}`,
    {
      hint: 'such a file looks like {"Name": "x", "Addr": "unix:///run/x.sock"}',
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}
