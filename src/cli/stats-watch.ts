/** Containers whose use is looked at again and again: those that were named, or whichever run at the time. */
import type { EngineApi, StatsSample } from "../engine/api.ts";
import { TsrunError } from "../errors.ts";
import type { Watched } from "./render/stats-row.ts";
import { shortId } from "./render/table.ts";

/** Takes the next sample of each container. */
export type Watch = () => Promise<Watched[]>;

/** Those that were named, wherever their names go; throws where one is not there to begin with. */
export async function watchNamed(engine: EngineApi, names: readonly string[]): Promise<Watch> {
  let watched = await Promise.all(names.map(async (name) => begin(name, await engine.stats(name))));
  const next = async (each: Watched): Promise<Watched> => {
    const sample = await sampleOf(engine, each.sample.id);
    if (sample === undefined) return { ...each, gone: true };
    return { ...each, sample, previous: each.sample };
  };
  return async () => {
    watched = await Promise.all(watched.map(next));
    return watched;
  };
}

/** Those that run, or all that there are; they come and go. */
export async function watchListed(engine: EngineApi, all: boolean): Promise<Watch> {
  let watched: Watched[] = [];
  const look: Watch = async () => {
    const before = new Map(watched.map(({ sample }) => [sample.id, sample]));
    const shown = (await engine.list()).filter(({ state }) => all || state.pid !== 0);
    const samples = await Promise.all(shown.map(({ record }) => sampleOf(engine, record.id)));
    watched = samples
      .filter((sample) => sample !== undefined)
      .map((sample) => ({ ...begin(shortId(sample.id), sample), previous: before.get(sample.id) }));
    return watched;
  };
  await look();
  return look;
}

const begin = (container: string, sample: StatsSample): Watched => ({
  container,
  sample,
  previous: undefined,
  gone: false,
});

/** undefined where the container has been removed. */
async function sampleOf(engine: EngineApi, id: string): Promise<StatsSample | undefined> {
  try {
    return await engine.stats(id);
  } catch (error) {
    if (error instanceof TsrunError && error.code === "ERR_TSRUN_CONTAINER_NOT_FOUND") return undefined;
    throw error;
  }
}
