/**
 * Dockerfile instructions that change an image's configuration, as `commit` and `import` take them one by one
 * (--change). What they mean is the Dockerfile reference's; ENV and its like may name variables of the image.
 */
import { posix } from "node:path";
import type { ImageConfig } from "../image/config-document.ts";
import { overlay } from "./env.ts";
import { CHANGE_NAMES, invalid } from "./image-change-error.ts";
import { parseHealthcheck } from "./image-healthcheck.ts";
import { expandWord, splitWords } from "./image-words.ts";
import { parseSignal } from "./signals.ts";

/** The configuration with the instructions carried out in their order; throws ERR_TSRUN_CHANGE_INVALID. */
export function applyChanges(config: ImageConfig, changes: readonly string[]): ImageConfig {
  const instructions = changes.map(parseInstruction);
  const setsCommand = instructions.some(({ name }) => name === "CMD");
  return instructions.reduce((result, instruction) => apply(result, instruction, setsCommand), config);
}

interface Instruction {
  name: string;
  text: string;
  /** As it was written, for messages. */
  written: string;
}

function parseInstruction(written: string): Instruction {
  const [, name = "", text = ""] = /^\s*(\S+)\s*([\s\S]*?)\s*$/.exec(written) ?? [];
  return { name: name.toUpperCase(), text, written };
}

function apply(config: ImageConfig, instruction: Instruction, setsCommand: boolean): ImageConfig {
  const { name, text, written } = instruction;
  if (!CHANGE_NAMES.includes(name)) {
    throw invalid(`${name.toLowerCase() || `"${written}"`} is not a valid change command`);
  }
  if (text === "") throw invalid(`${name} requires at least one argument`);
  const expand = (word: string): string => expandWord(word, config.Env ?? [], written);
  const words = (): string[] => splitWords(text, written).map(expand);
  switch (name) {
    case "CMD":
      return { ...config, Cmd: commandOf(text, config) };
    case "ENTRYPOINT":
      return withEntrypoint(config, commandOf(text, config), setsCommand);
    case "ENV":
      return { ...config, Env: overlay(config.Env ?? [], assignments(instruction, expand)) };
    case "LABEL":
      return { ...config, Labels: { ...config.Labels, ...labels(assignments(instruction, expand)) } };
    case "EXPOSE":
      return { ...config, ExposedPorts: { ...config.ExposedPorts, ...keys(words().flatMap(portsOf)) } };
    case "VOLUME":
      return { ...config, Volumes: { ...config.Volumes, ...keys(jsonWords(text) ?? words()) } };
    case "USER":
      return { ...config, User: expand(text) };
    case "WORKDIR":
      return { ...config, WorkingDir: posix.resolve("/", config.WorkingDir ?? "", expand(text)) };
    case "STOPSIGNAL":
      return { ...config, StopSignal: signal(expand(text)) };
    case "HEALTHCHECK":
      return { ...config, Healthcheck: parseHealthcheck(text, (rest) => jsonWords(rest)) };
    default:
      return { ...config, OnBuild: [...(config.OnBuild ?? []), trigger(text)] };
  }
}

/** A JSON list is the command itself, anything else is for the shell. */
function commandOf(text: string, { Shell = ["/bin/sh", "-c"] }: ImageConfig): string[] {
  return jsonWords(text) ?? [...Shell, text];
}

/** The image's command was arguments of the former entrypoint. */
function withEntrypoint(config: ImageConfig, entrypoint: string[], setsCommand: boolean): ImageConfig {
  if (setsCommand) return { ...config, Entrypoint: entrypoint };
  const { Cmd: _, ...rest } = config;
  return { ...rest, Entrypoint: entrypoint };
}

function jsonWords(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((word) => typeof word === "string") ? list : undefined;
  } catch {
    return undefined;
  }
}

/** NAME=VALUE words; or, the old form, a name and the rest of the line. */
function assignments({ name, text, written }: Instruction, expand: (word: string) => string): string[] {
  const words = splitWords(text, written);
  const [first = ""] = words;
  if (!first.includes("=")) {
    const value = text.slice(first.length).trim();
    if (value === "") throw invalid(`${name} must have two arguments`);
    return [`${expand(first)}=${expand(value)}`];
  }
  const strange = words.find((word) => !/^[^=]+=/.test(word));
  if (strange !== undefined) {
    throw invalid(
      `Syntax error - can't find = in ${JSON.stringify(strange)}. Must be of the form: name=value`,
    );
  }
  return words.map(expand);
}

function labels(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
  );
}

const keys = (names: readonly string[]): Record<string, object> =>
  Object.fromEntries(names.map((name) => [name, {}]));

/** "80" → "80/tcp"; "8000-8001/udp" → both. */
function portsOf(word: string): string[] {
  const [, from = "", to = from, protocol = "tcp"] =
    /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/i.exec(word) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (from === "" || first < 1 || last > 65535 || last < first)
    throw invalid(`invalid containerPort: ${word}`);
  return Array.from({ length: last - first + 1 }, (_, i) => `${first + i}/${protocol.toLowerCase()}`);
}

function signal(text: string): string {
  parseSignal(text);
  return text;
}

function trigger(text: string): string {
  const [word = ""] = text.split(/\s/, 1);
  if (/^onbuild$/i.test(word)) throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (/^(?:from|maintainer)$/i.test(word))
    throw invalid(`${word.toUpperCase()} isn't allowed as an ONBUILD trigger`);
  return text;
}
