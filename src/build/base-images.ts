/** The images that a build begins with or takes files from: those of the store, or else pulled. */
import { provideImage } from "../engine/images.ts";
import { historyOf } from "../engine/new-image.ts";
import { formatPlatform, type Platform } from "../image/platform.ts";
import type { PullEvent } from "../image/pull-event.ts";
import { canonicalName, parseReference } from "../image/reference.ts";
import { sha256 } from "../kernel/sha256.ts";
import type { BaseImage } from "./graph/types.ts";
import { storedLayer } from "./layers.ts";
import type { Session } from "./session.ts";

export interface BaseImages {
  /** Each once, however many stages ask for it. Throws what pulling throws. */
  load(reference: string, platform: Platform): Promise<BaseImage>;
  /** One that was loaded. */
  loaded(reference: string): BaseImage | undefined;
}

export function baseImages(session: Session, announce: (name: string) => number): BaseImages {
  const known = new Map<string, Promise<BaseImage>>();
  const loaded = new Map<string, BaseImage>();
  return {
    load(reference, platform) {
      const key = `${reference} ${formatPlatform(platform)}`;
      const loading = known.get(key) ?? load(session, { reference, platform, announce });
      known.set(key, loading);
      return loading.then((image) => {
        loaded.set(reference, image);
        return image;
      });
    },
    loaded: (reference) => loaded.get(reference),
  };
}

async function load(
  session: Session,
  {
    reference,
    platform,
    announce,
  }: { reference: string; platform: Platform; announce: (name: string) => number },
): Promise<BaseImage> {
  const { context, paths, options, signal } = session;
  const name = canonicalName(parseReference(reference));
  const step = announce(`[internal] load metadata for ${name}`);
  return session.during(step, async () => {
    const {
      id,
      config,
      author,
      diffIds,
      platform: actual,
    } = await provideImage(context, reference, {
      platform: formatPlatform(platform),
      signal,
      onProgress: (event) => tell(session, step, event),
      ...(options.pull && { pull: "always" as const }),
    });
    return {
      reference: name,
      id,
      platform: actual,
      config,
      author,
      history: historyOf(paths, id, diffIds),
      snapshot: {
        id: sha256(diffIds.join(" ")),
        layers: diffIds.map((diffId) => storedLayer(paths, diffId)),
      },
    };
  });
}

/** What a pull tells, as the progress of a step. */
function tell({ emit }: Session, step: number, event: PullEvent): void {
  if (event.type === "progress") {
    const { receivedBytes: current, totalBytes: total } = event;
    emit({ type: "progress", step, id: "pulling", current, total, done: current === total });
  } else if (event.type === "retry") {
    const text = `retrying ${event.what} in ${Math.ceil(event.delayMs / 1000)}s: ${event.reason}\n`;
    emit({ type: "output", step, stream: "stderr", data: Buffer.from(text) });
  }
}
