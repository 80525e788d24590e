/** restart: stop, then start. */
import type { EngineContext } from "./context.ts";
import { containerEvent, recordEvent } from "./events.ts";
import { resolveContainer } from "./records.ts";
import { startByReference } from "./start.ts";
import { endContainer, type StopRequest } from "./stop.ts";

/** Stops what runs and starts it, or just starts it; also a temporary container survives that. */
export async function restartContainer(
  context: EngineContext,
  reference: string,
  options: StopRequest = {},
): Promise<void> {
  const record = resolveContainer(context.paths, reference);
  await endContainer(context, record, { ...options, by: "restart" });
  const handle = await startByReference(context, record.id);
  handle.detach();
  recordEvent(context, containerEvent(record, "restart"));
}
