/** What an option's value can be. Options that choose between words say so themselves (options/choices.ts). */
import { constants } from "node:os";
import { ulimitNames } from "../../engine/rlimits.ts";
import { capabilityNames } from "../../runtime/capabilities.ts";
import { cacheMatchers } from "../cache-filters.ts";
import { searchMatchers } from "../commands/search.ts";
import { containerMatchers } from "../container-filters.ts";
import { imageMatchers } from "../image-filters.ts";
import { networkMatchers } from "../network-filters.ts";
import { knownWords } from "../options/choices.ts";
import { pruneMatchers } from "../prune-filters.ts";
import { beginnings, type Completion, DIRECTORIES, FILES, type Names, NOTHING, words } from "./completion.ts";
import type { ShownOption } from "./scan.ts";
import { stageNames } from "./stages.ts";

export interface ValueRequest {
  /** The option's long name. */
  name: string;
  option: ShownOption;
  /** The command's own name: "ps". */
  command: string;
  /** What is written of the value so far. */
  current: string;
  names: Names;
  env: Readonly<Record<string, string | undefined>>;
}

/** What can be offered for the value of an option; nothing where anything goes. */
export async function valuesOf(request: ValueRequest): Promise<Completion> {
  const { name, option } = request;
  if (option.kind === "flag") return words(["true", "false"]);
  const chosen = knownWords(option.parse);
  if (chosen !== undefined) return words(chosen);
  const fixed = FIXED[name];
  // A table may take less than docker's words: only what it takes is offered.
  if (fixed !== undefined) return words(fixed.filter((word) => accepts(option, word)));
  return (await SOURCES[name]?.(request)) ?? NOTHING;
}

const FIXED: Readonly<Record<string, readonly string[]>> = {
  format: ["json"],
  "log-driver": ["json-file", "none", "local", "journald", "syslog"],
  "log-level": ["debug", "info", "warn", "error", "fatal"],
  platform: ["linux/amd64", "linux/arm64"],
  pull: ["always", "missing", "never"],
  restart: ["no", "on-failure", "always", "unless-stopped"],
  "security-opt": [
    "no-new-privileges",
    "seccomp=unconfined",
    "seccomp=builtin",
    "systempaths=unconfined",
    "apparmor=unconfined",
    "label=disable",
  ],
  signal: Object.keys(constants.signals),
  "stop-signal": Object.keys(constants.signals),
};

type Source = (request: ValueRequest) => Completion | Promise<Completion>;

const CACHES = ["type=registry,ref=", "type=local,", "type=inline"];

const SOURCES: Readonly<Record<string, Source>> = {
  attach: () => words(["stdin", "stdout", "stderr"]),
  "build-arg": ({ env, current }) => (current.includes("=") ? NOTHING : words(Object.keys(env))),
  "cache-from": () => beginnings(CACHES),
  "cache-to": () => beginnings(CACHES),
  "cap-add": ({ current }) => words(["ALL", ...capabilities(current)]),
  "cap-drop": ({ current }) => words(["ALL", ...capabilities(current)]),
  cidfile: () => FILES,
  config: () => FILES,
  device: () => FILES,
  env: ({ env, current }) => (current.includes("=") ? NOTHING : words(Object.keys(env))),
  "env-file": () => FILES,
  file: () => FILES,
  filter: filters,
  iidfile: () => FILES,
  input: () => FILES,
  "label-file": () => FILES,
  "log-opt": () => beginnings(["max-size=", "max-file="]),
  "metadata-file": () => FILES,
  mount: ({ current }) =>
    current.includes(",")
      ? NOTHING
      : beginnings(["type=bind,", "type=image,", "type=tmpfs,", "type=volume,"]),
  network: async ({ names }) => ({ candidates: await names.networks() }),
  output: () => FILES,
  pid: async ({ names }) => joinable(names, ["host"]),
  ipc: async ({ names }) => joinable(names, ["private", "shareable", "none", "host"]),
  uts: () => words(["host"]),
  root: () => DIRECTORIES,
  "run-root": () => DIRECTORIES,
  opt: () => beginnings(["type=", "device=", "o="]),
  secret: () => beginnings(["id="]),
  ssh: () => words(["default"]),
  target: () => words(stageNames()),
  tag: async ({ names }) => ({ candidates: await names.images() }),
  ulimit: () => beginnings(ulimitNames().map((name) => `${name}=`)),
  volume: volumes,
  "volumes-from": async ({ names }) => ({ candidates: await names.containers("all") }),
};

/** Words, and containers whose namespace can be joined. */
async function joinable(names: Names, modes: readonly string[]): Promise<Completion> {
  const running = await names.containers("running");
  return {
    candidates: [
      ...modes.map((text) => ({ text })),
      ...running.map(({ text, note }) => ({ text: `container:${text}`, ...(note && { note }) })),
    ],
  };
}

/** With or without CAP_, as it was begun. */
const capabilities = (current: string): string[] =>
  capabilityNames().map((name) => (current.startsWith("CAP") ? name : name.replace("CAP_", "")));

const FILTERS: Readonly<Record<string, () => string[]>> = {
  "builder du": () => Object.keys(cacheMatchers(0)),
  "builder prune": () => Object.keys(cacheMatchers(0)),
  "network list": () => Object.keys(networkMatchers),
  ps: () => Object.keys(containerMatchers({ all: [] })),
  images: () => Object.keys(imageMatchers([], 0)),
  search: () => Object.keys(searchMatchers()),
  prune: () => Object.keys(pruneMatchers(() => ({ labels: {}, created: "" }), 0)),
};

const FILTER_VALUES: Readonly<Record<string, readonly string[]>> = {
  status: ["created", "dead", "exited", "paused", "restarting", "running"],
  dangling: ["true", "false"],
  "is-automated": ["true", "false"],
  "is-official": ["true", "false"],
};

async function filters({ command, current, names }: ValueRequest): Promise<Completion> {
  const [key = "", value] = current.split("=");
  if (key === "volume" && value !== undefined) {
    const volumes = await names.volumes();
    return {
      candidates: volumes.map(({ text, note }) => ({ text: `volume=${text}`, ...(note && { note }) })),
    };
  }
  if (value === undefined) return beginnings((FILTERS[command]?.() ?? []).map((name) => `${name}=`));
  return words((FILTER_VALUES[key] ?? []).map((word) => `${key}=${word}`));
}

/** A named volume, or a directory of the host: its container's side is nobody's to know. */
async function volumes({ names, current }: ValueRequest): Promise<Completion> {
  if (current.includes(":")) return NOTHING;
  if (/^[./~]/.test(current)) return FILES;
  return { candidates: await names.volumes(), files: "any", partial: true };
}

function accepts(option: Exclude<ShownOption, { kind: "flag" }>, word: string): boolean {
  try {
    option.parse(word);
    return true;
  } catch {
    return false;
  }
}
