/** What the three `inspect` commands have in common: look each name up, print what was found, report what was not. */
import type { EngineApi } from "../engine/api.ts";
import { TsrunError } from "../errors.ts";
import type { Context } from "./command.ts";
import { containerSize } from "./container-size.ts";
import { flag, value } from "./option-table.ts";
import { inspectImage } from "./render/docker-image.ts";
import { inspectContainer } from "./render/docker-inspect.ts";
import { inspectNetwork } from "./render/docker-network.ts";
import { renderDocuments } from "./render/documents.ts";
import { inspectVolume } from "./render/volume-row.ts";

export const formatOption = value(
  "Format output using a custom template: 'json' or 'TEMPLATE', a Go template",
  { short: "f" },
);
export const sizeOption = flag("Display total file sizes", { short: "s" });

type Lookup = (name: string) => Promise<object>;

interface Inspection<T extends object> {
  context: Context;
  format: string;
  find: (name: string) => Promise<T>;
  /** JSON or a template by default. */
  render?: (documents: readonly T[], format: string) => string;
}

/** Prints the documents of all names that are found, and returns 1 where one was not. */
export async function inspectNames<T extends object>(
  names: readonly string[],
  { context, format, find, render = renderDocuments }: Inspection<T>,
): Promise<number> {
  const documents: T[] = [];
  const failures: unknown[] = [];
  for (const name of names) {
    try {
      documents.push(await find(name));
    } catch (error) {
      failures.push(error);
    }
  }
  context.out(render(documents, format));
  for (const error of failures) context.report(error);
  return failures.length > 0 ? 1 : 0;
}

export function containerLookup(engine: EngineApi, context: Context, withSize: boolean): Lookup {
  return async (name) => {
    const summary = await engine.inspect(name);
    const paths = context.paths();
    const size = withSize ? await containerSize(summary.record, paths, engine) : undefined;
    return inspectContainer(summary, { paths, size });
  };
}

export function imageLookup(engine: EngineApi, context: Context): Lookup {
  return async (name) => inspectImage(await engine.images.inspect(name), context.paths());
}

export function networkLookup(engine: EngineApi): Lookup {
  return async (name) => inspectNetwork(await engine.networks.inspect(name));
}

export function volumeLookup(engine: EngineApi): Lookup {
  return async (name) => inspectVolume(await engine.volumes.inspect(name));
}

/** The first lookup that knows the name; where none does, that nothing of that name exists. */
export function firstOf(lookups: readonly Lookup[]): Lookup {
  return async (name) => {
    for (const find of lookups) {
      try {
        return await find(name);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    throw new TsrunError("ERR_TSRUN_OBJECT_NOT_FOUND", `no such object: ${name}`, {
      hint: "`tsrun ps -a` lists the containers, `tsrun images` the images, `tsrun network ls` the networks, `tsrun volume ls` the volumes",
    });
  };
}

/** A name that no image can have is no image's name. */
const NOT_FOUND = new Set([
  "ERR_TSRUN_CONTAINER_NOT_FOUND",
  "ERR_TSRUN_IMAGE_NOT_FOUND",
  "ERR_TSRUN_NETWORK_NOT_FOUND",
  "ERR_TSRUN_REFERENCE_INVALID",
  "ERR_TSRUN_VOLUME_NOT_FOUND",
]);

const isNotFound = (error: unknown): boolean => error instanceof TsrunError && NOT_FOUND.has(error.code);
