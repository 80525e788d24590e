/** What can go wrong with a build, at the place of the Dockerfile where it did. */
import { TsrunError } from "../errors.ts";
import type { Range } from "./dockerfile/types.ts";

/** An error that belongs to lines of the Dockerfile, for who shows them. */
export class BuildError extends TsrunError {
  readonly range: Range;
  /** The command line of the process that failed, and its exit code, where it is that. */
  readonly process: { readonly args: readonly string[]; readonly exitCode: number } | undefined;

  constructor(
    message: string,
    options: {
      range: Range;
      code?: "ERR_TSRUN_BUILD_FAILED" | "ERR_TSRUN_DOCKERFILE_INVALID";
      hint?: string | undefined;
      cause?: unknown;
      process?: BuildError["process"];
    },
  ) {
    super(options.code ?? "ERR_TSRUN_BUILD_FAILED", message, {
      ...(options.hint === undefined ? {} : { hint: options.hint }),
      exitCode: 1,
      cause: options.cause,
    });
    this.range = options.range;
    this.process = options.process;
  }
}

/** How a RUN gets what only those may have whose users are the host's. */
export const HOST_USERS_HINT =
  "userns-remap is set: build with a configuration without it, TSRUN_CONFIG=FILE tsrun build …";

/** An instruction that says something that cannot be. */
export function brokenInstruction({ range }: { range: Range }, message: string, hint?: string): BuildError {
  return new BuildError(message, { range, code: "ERR_TSRUN_DOCKERFILE_INVALID", hint });
}

/** What is to be done about a disk that is full. */
export const ROOM_HINT =
  "there is no space left below tsrun's data root: `tsrun system df` shows what takes it, `tsrun system prune` gives back what nobody needs";

/** An error of a step, unless it says already where it comes from; `hint` instead of its own. */
export function atStep(error: unknown, range: Range, hint?: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT")
    return new BuildError(message, { range, hint: ROOM_HINT, cause: error });
  if (!(error instanceof TsrunError) || "range" in error) return error;
  return new BuildError(error.message, { range, hint: hint ?? error.hint, cause: error });
}
