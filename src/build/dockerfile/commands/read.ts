/** From an instruction's words to what it says. */
import { DockerfileError } from "../error.ts";
import { nearestOf } from "../suggest.ts";
import type { Command } from "../types.ts";
import { readAdd, readCopy } from "./copy.ts";
import { readFlags } from "./flags.ts";
import { readHealthcheck } from "./healthcheck.ts";
import { common, type Line, onlyWord, someWords, writtenKeyword } from "./line.ts";
import { readCommandLine, readRun } from "./run.ts";
import { readArg, readEnv, readLabel, readOnBuild, readShell, readVolume } from "./values.ts";

const WITH_FLAGS = new Set(["RUN", "COPY", "ADD", "HEALTHCHECK"]);

/** Every keyword but FROM, which begins a stage and is no command. */
const READERS: Readonly<Record<string, (line: Line) => Command>> = {
  ADD: readAdd,
  ARG: readArg,
  CMD: (line) => ({ ...common(line), keyword: "CMD", command: readCommandLine(line) }),
  COPY: readCopy,
  ENTRYPOINT: (line) => ({ ...common(line), keyword: "ENTRYPOINT", command: readCommandLine(line) }),
  ENV: readEnv,
  EXPOSE: (line) => ({ ...common(line), keyword: "EXPOSE", ports: someWords(line).toSorted() }),
  HEALTHCHECK: readHealthcheck,
  LABEL: readLabel,
  MAINTAINER: (line) => ({ ...common(line), keyword: "MAINTAINER", name: onlyWord(line) }),
  ONBUILD: readOnBuild,
  RUN: readRun,
  SHELL: readShell,
  STOPSIGNAL: (line) => ({ ...common(line), keyword: "STOPSIGNAL", signal: onlyWord(line) }),
  USER: (line) => ({ ...common(line), keyword: "USER", user: onlyWord(line) }),
  VOLUME: readVolume,
  WORKDIR: (line) => ({ ...common(line), keyword: "WORKDIR", path: onlyWord(line) }),
};

/** What an instruction says; FROM is readFrom's. @throws DockerfileError */
export function readCommand(line: Line): Command {
  const { keyword } = line.instruction;
  const read = Object.hasOwn(READERS, keyword) ? READERS[keyword] : undefined;
  if (read === undefined) throw unknownInstruction(line);
  if (!WITH_FLAGS.has(keyword)) readFlags(line, {});
  return read(line);
}

function unknownInstruction({ instruction }: Line): DockerfileError {
  const { start } = instruction.range;
  const written = writtenKeyword(instruction);
  const nearest = nearestOf(written, [...Object.keys(READERS), "FROM"]);
  const meant = written === written.toUpperCase() ? nearest : nearest?.toLowerCase();
  const suggestion = meant === undefined ? "" : ` (did you mean ${meant}?)`;
  const end = { line: start.line, column: start.column + written.length };
  return new DockerfileError(`unknown instruction: ${written}${suggestion}`, { start, end });
}
