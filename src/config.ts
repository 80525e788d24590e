/**
 * tsrun's configuration file: /etc/tsrun/config.json, overlaid by $XDG_CONFIG_HOME/tsrun/config.json, or the one
 * file that TSRUN_CONFIG names. Keys have the names that Docker's daemon.json gives them.
 */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Rule, rules } from "./config-rules.ts";
import { TsrunError } from "./errors.ts";
import { hostUser, lacksHostRoot } from "./kernel/rootless.ts";

export interface Config {
  /** Base URLs tried in order before docker.io itself: "http://127.0.0.1:5000". */
  "registry-mirrors": string[];
  /** HOST[:PORT] or CIDR of registries that may be spoken to over plain HTTP or with an unverified certificate. */
  "insecure-registries": string[];
  "data-root": string;
  "log-driver": "json-file" | "none";
  /** max-size ("10m") and max-file ("3"). */
  "log-opts": Record<string, string>;
  "default-address-pools": { base: string; size: number }[];
  /** The host's address that ports are published on where nothing else is said. */
  ip: string | undefined;
  dns: string[];
  "dns-search": string[];
  "dns-opts": string[];
  "default-ulimits": Record<string, { Name: string; Soft: number; Hard: number }>;
  /** Path of a seccomp profile in Docker's JSON format. */
  "seccomp-profile": string | undefined;
  /** "" for none; "default", USER or USER:GROUP, whose subordinate ids are the containers' (subuid(5)). */
  "userns-remap": string;
  /** How to leave this host; the environment's HTTP_PROXY, HTTPS_PROXY and NO_PROXY where the file is silent. */
  proxies: Proxies;
  /** Docker's client configuration, for its `auths`: $DOCKER_CONFIG/config.json, else ~/.docker/config.json. */
  "auth-file": string;
  /** Holds HOST[:PORT]/ca.crt (any *.crt) of registries with a private authority. */
  "certs-dir": string;
}

/** URLs of proxies, "" for none, and the hosts to be reached without one. */
export interface Proxies {
  "http-proxy": string;
  "https-proxy": string;
  "no-proxy": string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the configuration. A missing file is an empty one, except where TSRUN_CONFIG names it.
 *
 * @throws TsrunError ERR_TSRUN_CONFIG_INVALID on unreadable JSON, unknown keys and values of the wrong type.
 */
export function loadConfig(env: Environment = process.env): Config {
  const config = defaults(env);
  if (env.TSRUN_CONFIG) {
    overlay(config, env.TSRUN_CONFIG, { mustExist: true });
    return config;
  }
  overlay(config, "/etc/tsrun/config.json");
  overlay(config, join(env.XDG_CONFIG_HOME || join(home(env), ".config"), "tsrun", "config.json"));
  return config;
}

/** Where data and runtime state are: TSRUN_ROOT, else `data-root`; TSRUN_RUN, else /run/tsrun or the user's own. */
export function loadPaths(config: Config, env: Environment = process.env): { root: string; run: string } {
  return {
    root: env.TSRUN_ROOT || config["data-root"],
    run: env.TSRUN_RUN || (isRoot() ? "/run/tsrun" : join(env.XDG_RUNTIME_DIR || userRunDir(), "tsrun")),
  };
}

const home = (env: Environment): string => env.HOME || homedir();
/** Not in a user namespace, where everybody can be root. */
const isRoot = (): boolean => !lacksHostRoot();
const userRunDir = (): string => `/run/user/${hostUser()}`;

function defaults(env: Environment): Config {
  const dataHome = env.XDG_DATA_HOME || join(home(env), ".local", "share");
  return {
    "registry-mirrors": [],
    "insecure-registries": [],
    "data-root": isRoot() ? "/var/lib/tsrun" : join(dataHome, "tsrun"),
    "log-driver": "json-file",
    "log-opts": {},
    "default-address-pools": [],
    ip: undefined,
    dns: [],
    "dns-search": [],
    "dns-opts": [],
    "default-ulimits": {},
    "seccomp-profile": undefined,
    "userns-remap": "",
    // The lower-case forms win, as they do for curl: HTTP_PROXY alone can come from a CGI request's header.
    proxies: {
      "http-proxy": env.http_proxy || env.HTTP_PROXY || "",
      "https-proxy": env.https_proxy || env.HTTPS_PROXY || "",
      "no-proxy": env.no_proxy || env.NO_PROXY || "",
    },
    "auth-file": join(env.DOCKER_CONFIG || join(home(env), ".docker"), "config.json"),
    "certs-dir": "/etc/tsrun/certs.d",
  };
}

function overlay(config: Config, file: string, options: { mustExist?: boolean } = {}): void {
  const values = readObject(file, options.mustExist ?? false);
  for (const [key, value] of Object.entries(values)) {
    const rule: Rule | undefined = Object.hasOwn(rules, key) ? rules[key as keyof Config] : undefined;
    if (rule === undefined) {
      throw invalid(file, `the following directive doesn't match any configuration option: ${key}`, {
        hint: `known: ${Object.keys(rules).sort().join(", ")}`,
      });
    }
    const wrong = rule(value);
    if (wrong !== undefined) throw invalid(file, `"${key}" ${wrong}`);
  }
  const { proxies, ...rest } = values as Partial<Config>;
  Object.assign(config, rest);
  Object.assign(config.proxies, proxies);
}

function readObject(file: string, mustExist: boolean): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    if (!mustExist && (cause as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw invalid(file, `cannot be read: ${(cause as NodeJS.ErrnoException).code}`, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(file, `is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(file, "is not a JSON object");
  return value as Record<string, unknown>;
}

function invalid(file: string, what: string, options: { hint?: string; cause?: unknown } = {}): TsrunError {
  return new TsrunError("ERR_TSRUN_CONFIG_INVALID", `configuration file ${file}: ${what}`, options);
}
