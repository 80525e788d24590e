/**
 * Image references as Docker parses them (the grammar of distribution/reference):
 *
 *     [DOMAIN[:PORT]/]PATH[:TAG][@DIGEST]        alpine  ->  docker.io/library/alpine:latest
 *
 * The first component is a domain only where it could not be a path: it has a dot, a colon or a capital letter, or is
 * "localhost". What users type is "familiar"; what the store keeps is canonical.
 */
import { TsrunError } from "../errors.ts";

export interface Reference {
  /** "docker.io", "localhost:5000". */
  domain: string;
  /** "library/alpine". */
  path: string;
  tag: string | undefined;
  /** "sha256:…"; wins over the tag where both are given. */
  digest: string | undefined;
}

const DEFAULT_DOMAIN = "docker.io";
const LEGACY_DEFAULT_DOMAIN = "index.docker.io";
const OFFICIAL = "library/";
const PATH_LIMIT = 255;

const domainComponent = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const host = `(?:${domainComponent}(?:\\.${domainComponent})*|\\[[a-fA-F0-9:]+\\])`;
const pathComponent = "[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*";
const digest = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
const REFERENCE = new RegExp(
  `^(?<domain>${host}(?::[0-9]+)?)/(?<path>${pathComponent}(?:/${pathComponent})*)` +
    `(?::(?<tag>\\w[\\w.-]{0,127}))?(?:@(?<digest>${digest}))?$`,
);

/**
 * Parses what a user typed; a name with neither tag nor digest means its tag "latest".
 *
 * @throws TsrunError ERR_TSRUN_REFERENCE_INVALID in Docker's words.
 */
export function parseReference(text: string): Reference {
  if (/^[a-f0-9]{64}$/.test(text)) {
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  const [domain, rest] = splitDomain(text);
  const [remote] = rest.split(":", 1) as [string];
  if (remote.toLowerCase() !== remote) {
    throw invalid(`invalid reference format: repository name (${remote}) must be lowercase`);
  }
  const groups = REFERENCE.exec(`${domain}/${rest}`)?.groups;
  if (groups === undefined) {
    throw invalid("invalid reference format", {
      hint: `"${text}" is not of the form [HOST[:PORT]/]NAME[:TAG][@DIGEST]`,
    });
  }
  const path = groups.path as string;
  if (path.length > PATH_LIMIT) {
    throw invalid(`repository name must not be more than ${PATH_LIMIT} characters`);
  }
  if (groups.digest !== undefined) checkDigest(groups.digest);
  return {
    domain: groups.domain as string,
    path,
    tag: groups.tag ?? (groups.digest === undefined ? "latest" : undefined),
    digest: groups.digest,
  };
}

/** "docker.io/library/alpine". */
export const repositoryOf = (ref: Reference): string => `${ref.domain}/${ref.path}`;

/** The key of the images index: "docker.io/library/alpine:latest", or "…@sha256:…" where a digest is given. */
export const canonicalName = (ref: Reference): string => `${repositoryOf(ref)}${suffix(ref)}`;

/** "alpine", "user/image", "localhost:5000/image". */
export function familiarRepository(ref: Reference): string {
  if (ref.domain !== DEFAULT_DOMAIN) return repositoryOf(ref);
  const official = ref.path.startsWith(OFFICIAL) ? ref.path.slice(OFFICIAL.length) : ref.path;
  const short = official.includes("/") ? ref.path : official;
  // "docker.io/name.x/app" without its domain is an image of the registry name.x.
  const [domain, path] = splitDomain(short);
  return domain === DEFAULT_DOMAIN && path === ref.path ? short : repositoryOf(ref);
}

/** "alpine:latest", "alpine@sha256:…". */
export const familiarName = (ref: Reference): string => `${familiarRepository(ref)}${suffix(ref)}`;

/** The same repository by another digest. */
export const withDigest = (ref: Reference, digest: string): Reference => ({ ...ref, tag: undefined, digest });

const suffix = (ref: Reference): string => (ref.digest === undefined ? `:${ref.tag}` : `@${ref.digest}`);

/** A name's registry and the rest; Docker Hub, whose own images are in "library/", where it names none. */
export function splitDomain(text: string): [domain: string, rest: string] {
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(slash, 0));
  const isDomain =
    slash > 0 && (first === "localhost" || /[.:]/.test(first) || first !== first.toLowerCase());
  const domain = !isDomain || first === LEGACY_DEFAULT_DOMAIN ? DEFAULT_DOMAIN : first;
  const rest = isDomain ? text.slice(slash + 1) : text;
  return [domain, domain === DEFAULT_DOMAIN && !rest.includes("/") ? OFFICIAL + rest : rest];
}

function checkDigest(digest: string): void {
  if (/^sha256:[a-f0-9]{64}$/.test(digest)) return;
  const [algorithm, hex] = digest.split(":") as [string, string];
  if (algorithm !== "sha256")
    throw invalid(`unsupported digest algorithm: ${algorithm}`, { hint: "use a sha256 digest" });
  if (hex.length !== 64)
    throw invalid("invalid checksum digest length", { hint: "a sha256 digest has 64 hex digits" });
  throw invalid("invalid checksum digest format", { hint: "the hex digits of a digest are lower-case" });
}

function invalid(message: string, options: { hint?: string } = {}): TsrunError {
  return new TsrunError("ERR_TSRUN_REFERENCE_INVALID", message, options);
}
