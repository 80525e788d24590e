/** events: what has happened, and what happens from now on. */
import { mkdirSync } from "node:fs";
import { TsrunError } from "../errors.ts";
import { changesIn } from "../store/changes.ts";
import { readJournal } from "../store/journal.ts";
import { eventsDir, type Paths } from "../store/paths.ts";
import { type EngineEvent, timeNow } from "./events.ts";
import { parseMoment, sortable } from "./moment.ts";

export interface EventsOptions {
  /** RFC 3339 or unix seconds, bounds of the events' times. With either of them the past is told too. */
  since?: string;
  /** Ends the stream. */
  until?: string;
  /** Ends the stream with its reason as an error. */
  signal?: AbortSignal;
}

/** Events in the order in which they were recorded; without `until` for ever. Throws ERR_TSRUN_TIME_INVALID. */
export async function* readEvents(
  { paths }: { readonly paths: Paths },
  options: EventsOptions = {},
): AsyncIterable<EngineEvent> {
  const { signal } = options;
  const { since, until } = boundsOf(options);
  const tellsPast = since !== undefined || until !== undefined;
  const withLatestName = renaming();
  makeDirectory(paths);
  using changes = changesIn(eventsDir(paths));
  using journal = readJournal(paths);
  for (let isPast = true; ; isPast = false) {
    signal?.throwIfAborted();
    const isOver = until !== undefined && timeNow() >= until; // asked first, so that nothing until then is missed
    for (const line of journal.unread()) {
      const event = parseEvent(line);
      if (event === undefined) continue;
      const named = withLatestName(event);
      if (isPast && !tellsPast) continue;
      if ((since ?? "") <= event.time && event.time <= (until ?? "~")) yield named;
    }
    if (isOver) return;
    const timeoutMs = until === undefined ? {} : { timeoutMs: Date.parse(until) - Date.now() + 1 };
    await changes.next({ ...timeoutMs, signal });
  }
}

function boundsOf({ since, until }: EventsOptions): { since?: string; until?: string } {
  const bounds = {
    ...(since !== undefined && { since: sortable(parseMoment(since)) }),
    ...(until !== undefined && { until: sortable(parseMoment(until)) }),
  };
  if (bounds.since !== undefined && bounds.until !== undefined && bounds.since > bounds.until) {
    throw new TsrunError(
      "ERR_TSRUN_TIME_INVALID",
      `since time (${since}) cannot be after until time (${until})`,
      { hint: "exchange them, or leave one out" },
    );
  }
  return bounds;
}

/** So that it can be watched before the first event; where that is not allowed, it is looked for. */
function makeDirectory(paths: Paths): void {
  try {
    mkdirSync(eventsDir(paths), { recursive: true, mode: 0o700 });
  } catch {
    // Reading says what is wrong, if anything is.
  }
}

/** The event of a line; undefined for what is none, or was not wholly written. */
export function parseEvent(line: string): EngineEvent | undefined {
  try {
    const event = JSON.parse(line) as Partial<EngineEvent> | null;
    return isEvent(event) ? event : undefined;
  } catch {
    return undefined;
  }
}

function isEvent(event: Partial<EngineEvent> | null): event is EngineEvent {
  const { time, type, action, id, attributes } = event ?? {};
  const isText = (part: unknown): boolean => typeof part === "string";
  return [time, type, action, id].every(isText) && typeof attributes === "object" && attributes !== null;
}

/**
 * A monitor was told its container's name when it was started, and records events under that name also after the
 * container was renamed. Given all events in order, this puts the names right.
 */
export function renaming(): (event: EngineEvent) => EngineEvent {
  const names = new Map<string, string>();
  return (event) => {
    const { type, action, id, attributes } = event;
    if (type !== "container") return event;
    if (action === "rename") names.set(id, attributes["name"] ?? "");
    const name = names.get(id);
    if (action === "destroy") names.delete(id);
    return name === undefined ? event : { ...event, attributes: { ...attributes, name } };
  };
}
