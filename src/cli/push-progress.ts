/** What `push` says while it runs: Docker's lines, and one total in place on a terminal. */
import type { PushEvent } from "../engine/api.ts";
import type { Context } from "./command.ts";
import { progressTo } from "./pull-progress.ts";

export interface PushProgress {
  event(event: PushEvent): void;
  /** Ends the line of progress, whatever became of the push. */
  end(): void;
  /** Says what is to be known of a push that is through. */
  conclude(): void;
}

export function createPushProgress(context: Context): PushProgress {
  const progress = progressTo(context, 1, context.out);
  // On a terminal only what has become of a layer stays; the total shows that something happens.
  const isTerminal = context.terminal.isTerminal(1);
  const notes: string[] = [];
  const say = (line: string) => {
    if (isTerminal) progress.end();
    context.out(`${line}\n`);
  };
  return {
    event(event) {
      if (event.type === "progress")
        progress.event({ type: "progress", receivedBytes: event.sentBytes, totalBytes: event.totalBytes });
      else if (event.type === "retry") progress.event(event);
      else if (event.type === "start") say(`The push refers to repository [${event.repository}]`);
      else if (event.type === "layer") {
        const isPassing = event.state === "preparing" || event.state === "pushing";
        if (!isPassing || (event.state === "preparing" && !isTerminal)) say(layerLine(event));
      } else if (event.type === "substitute") notes.push(note(event));
      else {
        progress.end();
        say(`${event.tag}: digest: ${event.digest} size: ${event.size}`);
      }
    },
    end: () => progress.end(),
    conclude: () => {
      for (const line of notes) context.out(`\nInfo: ${line}\n`);
    },
  };
}

const STATES = {
  preparing: "Preparing",
  pushing: "Pushing",
  pushed: "Pushed",
  exists: "Layer already exists",
  skipped: "Skipped foreign layer",
};

/** "5f70bf18a086: Mounted from library/alpine". */
function layerLine({ id, state, from }: Extract<PushEvent, { type: "layer" }>): string {
  return `${id}: ${state === "mounted" ? `Mounted from ${from}` : STATES[state]}`;
}

function note({ reason, original, pushed }: Extract<PushEvent, { type: "substitute" }>): string {
  const what =
    reason === "platform"
      ? "Not all multiplatform-content is present and only the available single-platform image was pushed"
      : "Layers are here in another compression than the image was pulled with; it was pushed with those";
  return `${what}\n${original} -> ${pushed}`;
}
