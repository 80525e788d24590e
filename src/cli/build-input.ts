/** The context and the Dockerfile of `build`, of which one may be standard input, and the Dockerfile a URL's. */
import type { BuildOptions, ContextSource } from "../build/types.ts";
import { TsrunError } from "../errors.ts";
import type { Context } from "./command.ts";

const STDIN = "-";

export interface BuildInput {
  readonly context: ContextSource;
  readonly dockerfile: BuildOptions["dockerfile"];
}

/** Throws ERR_TSRUN_CONTEXT_INVALID, ERR_TSRUN_OPTION_CONFLICT, ERR_TSRUN_DOWNLOAD_FAILED. */
export async function buildInput(
  { path, file }: { path: string; file: string | undefined },
  context: Context,
): Promise<BuildInput> {
  if (path === STDIN && file === STDIN) {
    throw new TsrunError(
      "ERR_TSRUN_OPTION_CONFLICT",
      "invalid argument: can't use stdin for both build context and dockerfile",
      {
        hint: "an archive on standard input can have the Dockerfile in it: -f PATH-IN-THE-ARCHIVE -",
        exitCode: 1,
      },
    );
  }
  const { contextSource } = await import("../build/context/source.ts");
  const source: ContextSource =
    path === STDIN
      ? { kind: "stream", stream: context.terminal.input() }
      : contextSource(path, process.cwd());
  return { context: source, dockerfile: await dockerfileOf(file, context) };
}

async function dockerfileOf(file: string | undefined, context: Context): Promise<BuildOptions["dockerfile"]> {
  if (file === undefined || file === "") return undefined;
  if (file === STDIN) return { text: await textOf(context.terminal.input()) };
  if (!/^https?:\/\//i.test(file)) return { path: file };
  const { fetchUrl } = await import("../build/context/fetch-url.ts");
  const { body } = await fetchUrl(context.config(), file);
  return { text: await textOf(body) };
}

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString("utf8");
}
