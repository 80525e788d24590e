/** The instructions that set one part of the image's configuration, or variables. */

import { trim } from "../text.ts";
import type {
  ArgCommand,
  EnvCommand,
  LabelCommand,
  OnBuildCommand,
  Pair,
  ShellCommand,
  VolumeCommand,
} from "../types.ts";
import { common, type Line, someWords, wrong } from "./line.ts";

export function readEnv(line: Line): EnvCommand {
  return { ...common(line), keyword: "ENV", ...readPairs(line) };
}

export function readLabel(line: Line): LabelCommand {
  return { ...common(line), keyword: "LABEL", ...readPairs(line) };
}

function readPairs(line: Line): { pairs: Pair[]; legacy: boolean } {
  const words = someWords(line);
  const [key = "", value = ""] = words;
  const legacy = !key.includes("=");
  const pairs = legacy ? [{ key, value }] : words.map(splitPair);
  if (pairs.some((pair) => pair.key === "")) {
    throw wrong(line, `${line.instruction.keyword} names can not be blank`);
  }
  return { pairs, legacy };
}

function splitPair(word: string): Pair {
  const equals = word.indexOf("=");
  return { key: word.slice(0, equals), value: word.slice(equals + 1) };
}

export function readArg(line: Line): ArgCommand {
  const pairs = someWords(line).map((word) => {
    if (!word.includes("=")) return { key: word, value: undefined };
    const pair = splitPair(word);
    if (pair.key === "") throw wrong(line, "ARG names can not be blank", word);
    return pair;
  });
  return { ...common(line), keyword: "ARG", pairs };
}

export function readVolume(line: Line): VolumeCommand {
  const paths = someWords(line).map(trim);
  if (paths.includes("")) throw wrong(line, "VOLUME specified can not be an empty string");
  return { ...common(line), keyword: "VOLUME", paths };
}

export function readShell(line: Line): ShellCommand {
  const words = someWords(line);
  if (!line.instruction.json) {
    throw wrong(
      line,
      "SHELL requires the arguments to be in JSON form",
      "",
      'SHELL ["/bin/bash", "-o", "pipefail", "-c"]',
    );
  }
  return { ...common(line), keyword: "SHELL", words };
}

export function readOnBuild(line: Line): OnBuildCommand {
  const { trigger, original, heredocs } = line.instruction;
  if (trigger === undefined) throw wrong(line, "ONBUILD requires at least one argument");
  if (trigger.keyword === "ONBUILD") {
    throw wrong(line, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  }
  if (trigger.keyword === "MAINTAINER" || trigger.keyword === "FROM") {
    throw wrong(line, `${trigger.keyword} isn't allowed as an ONBUILD trigger`);
  }
  const bodies = heredocs.map(({ written, name }) => `\n${written}${name}`);
  const text = original.replace(/^\s*ONBUILD\s*/i, "") + bodies.join("");
  return { ...common(line), keyword: "ONBUILD", trigger: text };
}
