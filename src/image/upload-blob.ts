/**
 * One blob into a registry (distribution-spec, "Pushing blobs"): small ones in one request, others in chunks, so that
 * after a broken connection the upload goes on from what the registry has kept.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { TsrunError } from "../errors.ts";
import type { Connection, Contact } from "./contact.ts";
import { classify, StatusError } from "./registry-error.ts";
import { pause } from "./retry.ts";
import type { HttpResponse } from "./transport.ts";

export interface UploadedBlob {
  digest: string;
  /** Bytes. */
  size: number;
  /** The file that has them. */
  path: string;
}

/** An upload that the registry has begun. */
export interface Session {
  contact: Contact;
  /** Where it goes on. */
  url: URL;
  /** Bytes that the registry has. */
  offset: number;
  /** The least that it takes in one chunk but the last, 0 where it does not say. */
  minimum: number;
}

/** What has been learnt about a registry, for all uploads to it. */
export interface UploadLimits {
  /** Bytes of a chunk. */
  chunk: number;
}

export interface UploadOptions {
  limits: UploadLimits;
  /** One that is open already, of a mount that was not possible. */
  session?: Session | undefined;
  /** Whether the registry has the blob. */
  exists(): Promise<boolean>;
  /** Called with all bytes sent so far; fewer again where some have to be sent once more. */
  onSent(bytes: number): void;
}

/** Below what proxies and storage services commonly limit requests to, above the least that they take. */
export const DEFAULT_CHUNK = 16 * 1024 * 1024;
/** Smaller chunks are not tried, whatever a proxy says: below nginx's default limit of 1 MiB. */
const LEAST_CHUNK = 512 * 1024;
/** What is read of the file at once. */
const PIECE = 256 * 1024;
/** Registries move a finished blob to its place before they answer. */
const PATIENCE = 10;
/** An upload in chunks that was refused so often is made in one piece: not every registry takes chunks. */
const REFUSALS = 2;

/** The session behind an answer to POST, PATCH or GET, or what was known of it. */
export function sessionOf(response: HttpResponse, contact: Contact, before?: Session): Session {
  response.body.destroy();
  const location = response.headers.get("location");
  if (location === null && before === undefined)
    throw new TsrunError(
      "ERR_TSRUN_REGISTRY_FAILED",
      `${contact.host} opens no upload: it names no location`,
    );
  const url = location === null ? (before as Session).url : new URL(location, response.url);
  // A registry behind a proxy that ends TLS may name itself as it sees itself.
  const own = new URL(contact.url);
  if (url.host === own.host) url.protocol = own.protocol;
  const minimum = Number(response.headers.get("oci-chunk-min-length") ?? before?.minimum ?? 0) || 0;
  return { contact, url, offset: before?.offset ?? 0, minimum };
}

/** Bytes that a registry has by the Range header of its answer, "0-1023"; undefined where it does not say. */
export function bytesKept(range: string | null): number | undefined {
  const last = /^(?:bytes=)?0-(\d+)$/.exec(range ?? "")?.[1];
  // "0-0" is also what registries say of an upload that has nothing: the byte is sent again then.
  return last === undefined ? undefined : last === "0" ? 0 : Number(last) + 1;
}

/**
 * Ends when the registry has verified the blob. `policy.attempts` counts tries in a row that brought nothing.
 *
 * @throws StatusError and errors of connections, to be explained
 */
export async function uploadBlob(
  connection: Connection,
  blob: UploadedBlob,
  options: UploadOptions,
): Promise<void> {
  const { limits, exists, onSent } = options;
  const { policy, onRetry, signal } = connection;
  const patienceMs = policy.stallMs * PATIENCE;
  let session = options.session;
  let isUncertain = false;
  let furthest = 0;
  let failures = 0;
  let refusals = 0;

  async function begin(): Promise<Session> {
    const open = async (contact: Contact) => {
      const response = await connection.send(contact, "blobs/uploads/", { method: "POST", patienceMs });
      return sessionOf(response, contact);
    };
    return connection.anywhere("upload", open);
  }

  /** What the registry has of it after a failure; undefined where it has dropped the upload. */
  async function ask(current: Session): Promise<Session | undefined> {
    try {
      const response = await connection.send(current.contact, current.url);
      const kept = bytesKept(response.headers.get("range")) ?? 0;
      return { ...sessionOf(response, current.contact, current), offset: Math.min(kept, blob.size) };
    } catch (error) {
      if (error instanceof StatusError && isSessionLost(error)) return undefined;
      throw error;
    }
  }

  async function send(current: Session, end: number, method: "PATCH" | "PUT"): Promise<HttpResponse> {
    const { contact, url, offset } = current;
    const target = new URL(url);
    if (method === "PUT") target.searchParams.set("digest", blob.digest);
    const length = end - offset;
    const headers = {
      "Content-Type": "application/octet-stream",
      "Content-Length": `${length}`,
      ...(method === "PATCH" ? { "Content-Range": `${offset}-${end - 1}` } : {}),
    };
    const body = async function* () {
      let sent = offset;
      const stream = createReadStream(blob.path, { start: offset, end: end - 1, highWaterMark: PIECE });
      for await (const piece of stream) {
        yield piece as Uint8Array;
        sent += (piece as Uint8Array).length;
        onSent(sent);
      }
      if (sent < end) throw damaged(blob.digest);
    };
    const request = { method, headers, patienceMs, ...(length === 0 ? {} : { body }) };
    return connection.send(contact, target, request);
  }

  /** A step nearer to the end: true where the registry has verified the blob. */
  async function step(current: Session): Promise<boolean> {
    const rest = blob.size - current.offset;
    const chunk = refusals < REFUSALS ? Math.max(limits.chunk, current.minimum) : Number.POSITIVE_INFINITY;
    if (rest === 0 || (current.offset === 0 && rest <= chunk)) {
      (await send(current, blob.size, "PUT")).body.destroy();
      return true;
    }
    const end = Math.min(current.offset + chunk, blob.size);
    const response = await send(current, end, "PATCH");
    const offset = bytesKept(response.headers.get("range")) ?? end;
    if (offset <= current.offset || offset > blob.size) throw new StuckError(current.offset);
    session = { ...sessionOf(response, current.contact, current), offset };
    if (offset > furthest) failures = 0;
    furthest = Math.max(furthest, offset);
    return false;
  }

  for (;;) {
    try {
      if (session !== undefined && isUncertain) session = await ask(session);
      // The answer to what finished an upload may have been lost.
      if (session === undefined && failures > 0 && (await exists())) return;
      session ??= await begin();
      isUncertain = false;
      onSent(session.offset);
      if (await step(session)) return;
    } catch (error) {
      signal?.throwIfAborted();
      const wasOpen = session !== undefined;
      if (error instanceof StatusError && wasOpen) {
        if (error.registryCode === "DIGEST_INVALID") await checkFile(blob);
        if (error.status === 413) limits.chunk = smallerChunk(error, limits.chunk, blob.size);
        else if (isSessionLost(error)) refusals++;
        session = undefined;
      }
      isUncertain = true;
      failures++;
      const what = `layer ${blob.digest.slice(7, 19)}`;
      const meet = wasOpen ? classifyUpload : classify;
      await pause(error, failures, { what, policy, classify: meet, onRetry, signal });
    }
  }
}

/** A blob that a registry finds wrong may be: disks fail. */
async function checkFile({ digest, path }: UploadedBlob): Promise<void> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: PIECE })) hash.update(piece as Buffer);
  if (`sha256:${hash.digest("hex")}` === digest) return;
  throw damaged(digest);
}

function damaged(digest: string): TsrunError {
  return new TsrunError("ERR_TSRUN_IMAGE_DAMAGED", `the blob ${digest} is damaged on disk`, {
    hint: "pull the image again",
  });
}

/** A registry that takes a chunk and has none of it. */
class StuckError extends Error {
  readonly code = "EBROKEN";

  constructor(offset: number) {
    super(`the registry has kept no more than ${offset} bytes`);
  }
}

function smallerChunk(error: StatusError, chunk: number, size: number): number {
  const used = Math.min(chunk, size);
  if (used <= LEAST_CHUNK) throw error;
  return Math.max(LEAST_CHUNK, Math.floor(used / 4));
}

/** Refusals that concern this upload alone, not who asks for it nor what it is. */
const LOST = new Set([400, 404, 405, 409, 410, 411, 415, 416, 499, 500, 501]);

const isSessionLost = ({ status, registryCode }: StatusError): boolean =>
  LOST.has(status) && !/^(?:DENIED|UNAUTHORIZED|NAME_)/.test(registryCode);

function classifyUpload(error: unknown): ReturnType<typeof classify> {
  const passing = classify(error);
  if (passing !== undefined || !(error instanceof StatusError)) return passing;
  if (error.status === 413) return { reason: error.message, retryAfterMs: 0 };
  return isSessionLost(error) ? { reason: error.message } : undefined;
}
