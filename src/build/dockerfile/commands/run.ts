/** RUN, and the other instructions that hold a command line. */
import { DockerfileError, placeOf } from "../error.ts";
import { SubstitutionError } from "../expand/word.ts";
import { didYouMean } from "../suggest.ts";
import type { CommandLine, Range, RunCommand, RunMount } from "../types.ts";
import { readFlags } from "./flags.ts";
import { common, type Line, wrong } from "./line.ts";
import { type ExpandValue, MountError, outlineMount, readMount } from "./mount.ts";

export function readRun(line: Line): RunCommand {
  const flags = readFlags(line, { mount: "values", network: "value", security: "value" });
  const { range } = line.instruction;
  return {
    ...common(line),
    keyword: "RUN",
    command: readCommandLine(line),
    mountFlags: flags.mount,
    mounts: flags.mount.map((flag) =>
      complaining(flag, { text: line.text, range }, () => outlineMount(flag)),
    ),
    network: choice(line, "network", ["default", "none", "host"], flags.network),
    security: choice(line, "security", ["sandbox", "insecure"], flags.security),
  };
}

/** The first of the values, where none was given. */
function choice<Value extends string>(
  line: Line,
  name: "network" | "security",
  values: readonly [Value, ...Value[]],
  given?: string,
): Value {
  if (given === undefined) return values[0];
  const found = values.find((value) => value === given);
  if (found !== undefined) return found;
  const quoted = JSON.stringify(given);
  const problem = name === "network" ? `invalid network mode ${quoted}` : `security ${quoted} is not valid`;
  throw wrong(line, problem + didYouMean(given, values), `--${name}=${given}`);
}

export function readCommandLine({ instruction }: Line): CommandLine {
  const { words, heredocs, json } = instruction;
  return json ? { form: "exec", words } : { form: "shell", text: words.join(" "), heredocs };
}

/** The mounts of a RUN with all values expanded. @throws DockerfileError */
export function expandMounts(command: RunCommand, expandValue: ExpandValue): RunMount[] {
  const { range } = command;
  return command.mountFlags.map((flag) =>
    complaining(flag, { text: "", range }, () => readMount(flag, expandValue)),
  );
}

function complaining(flag: string, at: { text: string; range: Range }, read: () => RunMount): RunMount {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MountError || error instanceof SubstitutionError)) throw error;
    throw new DockerfileError(error.message, placeOf(`--mount=${flag}`, at.text, at.range));
  }
}
