/** The filters of `images`. */
import type { ImageDetails, ImageSummary } from "../engine/api.ts";
import { type Filter, invalidFilter, type Matchers, matchesLabel } from "./filters.ts";
import { parseBool } from "./options/numbers.ts";
import { parseMoment } from "./render/time.ts";

/** Labels are in an image's details, which only the filter `label` needs. */
export type FilteredImage = ImageSummary & { details?: ImageDetails };

/** `all` is what `before` and `since` name their image from. */
export function imageMatchers(all: readonly FilteredImage[], now: number): Matchers<FilteredImage> {
  const created = (image: ImageSummary) => Date.parse(image.created);
  const named = (filter: string, value: string): number => {
    const id = value.replace(/^sha256:/, "");
    const found = all.find((image) => hasName(image, value) || image.id.startsWith(`sha256:${id}`));
    if (found === undefined) throw invalidFilter(filter, value, "no such image");
    return created(found);
  };
  return {
    before: (value) => {
      const limit = named("before", value);
      return (image) => created(image) < limit;
    },
    since: (value) => {
      const limit = named("since", value);
      return (image) => created(image) > limit;
    },
    until: (value) => {
      const limit = momentOf(value, now);
      return (image) => created(image) < limit;
    },
    dangling: (value) => {
      const wanted = booleanOf(value);
      return (image) => (image.names.length === 0) === wanted;
    },
    label: (value) => (image) => matchesLabel(value, image.details?.config.Labels ?? {}),
    reference: (value) => (image) =>
      [...image.names, ...image.digests].some((name) => matchesReference(name, value)),
  };
}

/** An image with those of its names that a `reference` filter, if there is one, asks for: the others are not shown. */
export function namesAsked<Image extends ImageSummary>(filters: readonly Filter[]): (image: Image) => Image {
  const patterns = filters.flatMap(([filter, value]) => (filter === "reference" ? [value] : []));
  if (patterns.length === 0) return (image) => image;
  const isAsked = (name: string) => patterns.some((pattern) => matchesReference(name, pattern));
  return (image) => ({
    ...image,
    names: image.names.filter(isAsked),
    digests: image.digests.filter(isAsked),
  });
}

const hasName = (image: ImageSummary, name: string): boolean =>
  image.names.some((own) => own === name || own === `${name}:latest`);

/** A pattern such as "alp*", "*:latest" or "localhost:5000/*"; `*` stops at a slash. */
function matchesReference(name: string, pattern: string): boolean {
  const expression = globExpression(pattern);
  return expression.test(name) || expression.test(name.replace(/@.*$|:[^:/]*$/, ""));
}

/** path.Match of Go as a regular expression; node:path has matchesGlob, but as an experiment before Node 24.8. */
function globExpression(pattern: string): RegExp {
  const source = pattern.replace(/\*|\?|\[[^\]]*\]|[\\^$.|+(){}[\]]/g, (part) => {
    if (part === "*") return "[^/]*";
    if (part === "?") return "[^/]";
    return part.length > 1 ? part : `\\${part}`;
  });
  return new RegExp(`^${source}$`);
}

function booleanOf(value: string): boolean {
  try {
    return parseBool(value);
  } catch {
    throw invalidFilter("dangling", value, "it takes true or false");
  }
}

function momentOf(value: string, now: number): number {
  let moment: string;
  try {
    moment = parseMoment(value, now);
  } catch (error) {
    throw invalidFilter("until", value, (error as Error).message);
  }
  return /^\d+(\.\d+)?$/.test(moment) ? Number(moment) * 1000 : Date.parse(moment);
}
