/** What a registry answers when it refuses, and how that reads to a user: in Docker's words, with what to do. */
import { TsrunError } from "../errors.ts";
import { plain } from "./plain.ts";
import { describeRateLimit, readRateLimit } from "./rate-limit.ts";
import { retryAfterMs } from "./retry.ts";
import { chunksOf, type HttpResponse, shown } from "./transport.ts";

/** A status other than 2xx, with the registry's own error codes (distribution-spec, "Error Codes"). */
export class StatusError extends Error {
  readonly status: number;
  /** Without its query. */
  readonly url: string;
  readonly headers: HttpResponse["headers"];
  /** "MANIFEST_UNKNOWN", "DENIED", "" where the body has none. */
  readonly registryCode: string;
  readonly registryMessage: string;

  constructor(response: HttpResponse, body: string) {
    const { code, message } = firstError(body);
    super(`${new URL(response.url).host} answered ${response.status}${message === "" ? "" : `: ${message}`}`);
    this.name = "StatusError";
    this.status = response.status;
    this.url = shown(response.url);
    this.headers = response.headers;
    this.registryCode = code;
    this.registryMessage = message;
  }
}

const BODY_LIMIT = 64 * 1024;
/** Characters of a registry's own words. */
const TEXT_LIMIT = 1000;

export async function statusError(response: HttpResponse, stallMs: number): Promise<StatusError> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of chunksOf(response, stallMs)) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > BODY_LIMIT) break;
    }
  } catch {
    // The status is what counts; a body that breaks off only costs its explanation.
  }
  return new StatusError(response, Buffer.concat(chunks).toString("utf8"));
}

const CONNECTION_ERRORS = new Set([
  ...[
    "ECONNRESET",
    "ECONNABORTED",
    "EPIPE",
    "ETIMEDOUT",
    "EAI_AGAIN",
    "ENETDOWN",
    "ENETUNREACH",
    "EHOSTUNREACH",
  ],
  ...["ECONNREFUSED", "ESTALLED", "ERR_STREAM_PREMATURE_CLOSE", "EBROKEN"],
]);

/**
 * Those that at first contact mean a wrong name or a registry that is down, not a passing fault. Resolvers try again
 * themselves before they say EAI_AGAIN.
 */
const UNREACHABLE = new Set("ECONNREFUSED EAI_AGAIN ENETUNREACH EHOSTUNREACH ETIMEDOUT ESTALLED".split(" "));

const PASSING_STATUSES = new Set([429, 500, 502, 503, 504]);

/** Whether and when to try a failed request again. */
export function classify(error: unknown): { reason: string; retryAfterMs?: number | undefined } | undefined {
  if (error instanceof StatusError) {
    if (!PASSING_STATUSES.has(error.status) || isUsedUp(error)) return undefined;
    const limit = error.status === 429 ? describeRateLimit(readRateLimit(error.headers)) : "";
    const reason = limit === "" ? error.message : `${error.message} (${limit})`;
    return { reason, retryAfterMs: retryAfterMs(error.headers.get("retry-after")) };
  }
  const { code = "", message } = error as NodeJS.ErrnoException;
  return CONNECTION_ERRORS.has(code) ? { reason: message } : undefined;
}

/** The same before an endpoint has answered anything: one that cannot be reached is given up at once. */
export function classifyFirstContact(error: unknown): ReturnType<typeof classify> {
  return UNREACHABLE.has((error as NodeJS.ErrnoException).code ?? "") ? undefined : classify(error);
}

/** Docker Hub counts pulls per window of hours: a pause of seconds does not help then. */
function isUsedUp(error: StatusError): boolean {
  const hasDelay = error.headers.get("retry-after") !== null;
  return error.status === 429 && !hasDelay && readRateLimit(error.headers).remaining === 0;
}

export interface Subject {
  /** Familiar name of what was asked for: "alpine:3.20". */
  name: string;
  /** Familiar repository: "alpine". */
  repository: string;
  /** Host as users know it: "docker.io". */
  registry: string;
  /** Something to add to the hint: where credentials were not found, which mirrors failed. */
  note?: string | undefined;
}

/** What node adds to an error of a certificate, for those who start node themselves. */
const ADVICE = /; if the root CA is installed locally, .*$/;

/** The error that a user sees for a request that failed for good. TsrunErrors and aborts pass through. */
export function explainFailure(error: unknown, subject: Subject): unknown {
  if (error instanceof StatusError) return explainStatus(error, subject);
  const { code, message, name } = error as NodeJS.ErrnoException;
  if (error instanceof TsrunError || name === "AbortError" || (code === undefined && name !== "FetchError"))
    return error;
  const reason = message.replace(ADVICE, "");
  return new TsrunError("ERR_TSRUN_REGISTRY_UNREACHABLE", `registry ${subject.registry}: ${reason}`, {
    hint: join(connectionHint(code ?? "", subject.registry), subject.note),
    cause: error,
  });
}

function explainStatus(error: StatusError, { name, repository, registry, note }: Subject): TsrunError {
  const { status, registryCode, registryMessage: said } = error;
  const make = (code: `ERR_TSRUN_${string}`, message: string, hint: string) =>
    new TsrunError(code, message, { hint: join(hint, note), cause: error });
  if (status === 429) return make("ERR_TSRUN_RATE_LIMITED", rateLimit(error, registry), RATE_LIMIT_HINT);
  if (isDenial(error)) {
    const message = `pull access denied for ${repository}, repository does not exist or may require 'login'`;
    return make(
      "ERR_TSRUN_PULL_DENIED",
      `${message}: ${said || `${registry} answered ${status}`}`,
      `check the name; \`tsrun login${registry === "docker.io" ? "" : ` ${registry}`}\` if it is not for everybody`,
    );
  }
  if (registryCode === "NAME_UNKNOWN") {
    return make(
      "ERR_TSRUN_MANIFEST_NOT_FOUND",
      `repository ${repository} not found: ${said}`,
      "check the name",
    );
  }
  if (status === 404) {
    return make(
      "ERR_TSRUN_MANIFEST_NOT_FOUND",
      `manifest for ${name} not found: ${said || "manifest unknown"}`,
      "check the name and the tag",
    );
  }
  return make(
    "ERR_TSRUN_REGISTRY_FAILED",
    `registry ${registry}: ${error.message} (${error.url})`,
    "try again later",
  );
}

/** Whether an error says that these credentials, or their absence, are the reason. */
export const isDenial = ({ status, registryCode }: StatusError): boolean =>
  status === 401 || status === 403 || DENIALS.has(registryCode);

/** Codes of registries, and RFC 6749's (section 5.2) of a refresh token that has ended. */
const DENIALS = new Set(["DENIED", "UNAUTHORIZED", "invalid_grant"]);

const RATE_LIMIT_HINT =
  'wait, raise the limit with `tsrun login`, or name a mirror in "registry-mirrors" of the configuration';

/** "toomanyrequests: … (limit 100 per 6 h, 0 remaining, resets at 2026-01-01T12:00:00Z)". */
function rateLimit({ headers, registryMessage }: StatusError, registry: string): string {
  const known = describeRateLimit(readRateLimit(headers));
  const said = registryMessage || `rate limit of ${registry} reached`;
  return `toomanyrequests: ${said}${known === "" ? "" : ` (${known})`}`;
}

function connectionHint(code: string, registry: string): string {
  if (code === "EPROTO" || code.startsWith("ERR_SSL")) {
    return `if ${registry} speaks plain HTTP, list it in "insecure-registries" of the configuration`;
  }
  if (/CERT|SELF_SIGNED|VERIFY|ERR_TLS/.test(code)) {
    return `put its authority's certificate into /etc/tsrun/certs.d/${registry}/ca.crt, or list it in "insecure-registries"`;
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return "check the name, the network and the resolver; behind a proxy, set HTTPS_PROXY";
  return "check that the registry runs and can be reached; behind a proxy, set HTTPS_PROXY";
}

const join = (hint: string, note: string | undefined): string =>
  note === undefined ? hint : `${hint}; ${note}`;

function firstError(body: string): { code: string; message: string } {
  try {
    const doc = JSON.parse(body) as Record<string, unknown> & { errors?: Record<string, unknown>[] };
    const { error, error_description: description, message, details } = doc;
    const first = doc.errors?.[0] ?? { code: error, message: message ?? details ?? description ?? error };
    const text = (value: unknown) => (typeof value === "string" ? plain(value.slice(0, TEXT_LIMIT)) : "");
    return { code: text(first.code), message: text(first.message) };
  } catch {
    return { code: "", message: "" };
  }
}
