/** A Dockerfile as stages and commands. */
import { readFrom, type StageHead } from "./commands/from.ts";
import type { Line } from "./commands/line.ts";
import { readCommand } from "./commands/read.ts";
import { DockerfileError, inFile, onLine, placeOf } from "./error.ts";
import { parseDockerfile } from "./parse.ts";
import type { ArgCommand, Command, Dockerfile, ParsedDockerfile, Range, Stage } from "./types.ts";

/** Parses a Dockerfile and reads all its instructions. @throws DockerfileError */
export function readDockerfile(text: string, name = "Dockerfile"): Dockerfile {
  const parsed = parseDockerfile(text, name);
  return inFile(name, () => {
    checkSyntax(parsed);
    return readStages(parsed);
  });
}

function readStages(parsed: ParsedDockerfile): Dockerfile {
  const globals: ArgCommand[] = [];
  const stages: Stage[] = [];
  let commands: Command[] = [];
  for (const instruction of parsed.instructions) {
    const line: Line = { instruction, text: parsed.text };
    if (instruction.keyword === "FROM") {
      commands = [];
      stages.push(stageOf(readFrom(line), stages.length, commands));
      continue;
    }
    const command = readCommand(line);
    if (stages.length > 0) commands.push(command);
    else if (command.keyword === "ARG") globals.push(command);
    else {
      throw new DockerfileError("no build stage in current context", instruction.range, {
        hint: `only ARG may stand before the first FROM, not ${instruction.keyword}`,
      });
    }
  }
  if (stages.length === 0) {
    throw new DockerfileError("dockerfile contains no stages to build", onLine(1), {
      hint: "a stage begins with FROM",
    });
  }
  return { parsed, globals, stages };
}

function stageOf(head: StageHead, index: number, commands: readonly Command[]): Stage {
  return { ...head, index, commands };
}

/**
 * `# syntax=` names the image of a frontend that BuildKit runs to read the file. The official ones, of whatever
 * version and registry, read what is read here; a file for another one is in a language of its own.
 */
function checkSyntax({ directives, text }: ParsedDockerfile): void {
  const [image = ""] = (directives.syntax ?? "").split(" ");
  if (image === "" || /(^|\/)dockerfile(-upstream)?([:@]|$)/.test(image)) return;
  const everywhere = { ...onLine(1), end: { line: text.length, column: 1 } };
  const place = placeOf(image, text, everywhere);
  throw new DockerfileError(`the syntax ${image} is not that of Dockerfiles`, place, {
    hint: "frontends other than docker/dockerfile are not run: rewrite the file, or remove the line `# syntax=`",
  });
}

/**
 * The command that ONBUILD of a base image holds; its errors point to `range`, which is that of FROM.
 *
 * @throws DockerfileError
 */
export function readTrigger(text: string, range: Range): Command {
  try {
    const parsed = parseDockerfile(text);
    const [instruction, ...others] = parsed.instructions;
    if (instruction === undefined || others.length > 0) {
      throw new DockerfileError("onbuild trigger should be a single expression", range);
    }
    if (instruction.keyword === "FROM") {
      throw new DockerfileError("FROM isn't allowed as an ONBUILD trigger", range);
    }
    return { ...readCommand({ instruction, text }), range };
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error;
    throw new DockerfileError(`ONBUILD ${text}: ${error.problem}`, range);
  }
}
