/** A pull that is part of another command: what `run` says on stderr while it fetches a missing image. */
import type { PullEvent } from "../engine/api.ts";
import { parseReference } from "../image/reference.ts";
import type { Context } from "./command.ts";
import { createProgress, type Progress } from "./render/progress.ts";

interface Options {
  context: Context;
  quiet: boolean;
}

export function createPullProgress({ context, quiet }: Options): Progress {
  if (quiet) return { event: () => {}, end: () => {} };
  let progress: Progress | undefined;
  return {
    event(event) {
      progress ??= progressTo(context, 2, context.err);
      if (event.type === "missing") context.err(`Unable to find image '${event.reference}' locally\n`);
      if (event.type === "start") context.err(`${pullingLine(event)}\n`);
      progress.event(event);
      if (event.type !== "done") return;
      progress.end();
      context.err(`${doneLines(event).join("\n")}\n`);
    },
    end: () => progress?.end(),
  };
}

/** Progress that fits the descriptor: a line in place on a terminal, plain lines elsewhere. */
export function progressTo({ terminal }: Context, fd: number, write: (text: string) => void): Progress {
  const isTerminal = terminal.isTerminal(fd);
  const columns = isTerminal ? terminal.size()?.columns : undefined;
  return createProgress({ write, isTerminal, ...(columns !== undefined && { columns }) });
}

/** "latest: Pulling from library/alpine". */
export function pullingLine({ reference }: Extract<PullEvent, { type: "start" }>): string {
  const { tag, digest, path } = parseReference(reference);
  return `${digest ?? tag}: Pulling from ${path}`;
}

/** Docker's last words on a pull. */
export function doneLines({ digest, reference, upToDate }: Extract<PullEvent, { type: "done" }>): string[] {
  const status = upToDate
    ? `Image is up to date for ${reference}`
    : `Downloaded newer image for ${reference}`;
  return [`Digest: ${digest}`, `Status: ${status}`];
}
