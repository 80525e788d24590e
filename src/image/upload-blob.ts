/**
 * One blob into a registry: small ones in one request, others in chunks, so that after a broken connection the upload
 * goes on from what the registry has kept. Not every registry takes chunks, nor every proxy large ones: both are found
 * out by trying.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { Connection } from "./contact.ts";
import { classify, StatusError } from "./registry-error.ts";
import { pause } from "./retry.ts";
import {
  askForUpload,
  beginUpload,
  bytesKept,
  damaged,
  PIECE,
  type Session,
  sendPiece,
  sessionOf,
  type UploadedBlob,
} from "./upload-session.ts";

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
/** An upload in chunks that was refused so often is made in one piece. */
const REFUSALS = 2;

/**
 * Ends when the registry has verified the blob. `policy.attempts` counts tries in a row that brought nothing.
 *
 * @throws StatusError and errors of connections, to be explained; TsrunError ERR_TSRUN_IMAGE_DAMAGED
 */
export async function uploadBlob(
  connection: Connection,
  blob: UploadedBlob,
  options: UploadOptions,
): Promise<void> {
  const { limits, exists, onSent } = options;
  const { policy, onRetry, signal } = connection;
  let session = options.session;
  let isUncertain = false;
  let furthest = 0;
  let failures = 0;
  let refusals = 0;

  /** A step nearer to the end: the session after it, undefined where the registry has verified the blob. */
  async function step(current: Session): Promise<Session | undefined> {
    const rest = blob.size - current.offset;
    const chunk = refusals < REFUSALS ? Math.max(limits.chunk, current.minimum) : Number.POSITIVE_INFINITY;
    const isLast = rest === 0 || (current.offset === 0 && rest <= chunk);
    const end = isLast ? blob.size : Math.min(current.offset + chunk, blob.size);
    const method = isLast ? "PUT" : "PATCH";
    const response = await sendPiece(connection, blob, { ...current, end, method, onSent });
    if (isLast) return void response.body.destroy();
    const offset = bytesKept(response.headers.get("range")) ?? end;
    const next = { ...sessionOf(response, current.contact, current), offset };
    if (offset <= current.offset || offset > blob.size) throw new StuckError(current.offset);
    if (offset > furthest) failures = 0;
    furthest = Math.max(furthest, offset);
    return next;
  }

  /** What follows from a failure of a session; the registry is asked about it where it may have survived. */
  async function learn(error: unknown): Promise<void> {
    const size = Math.min(limits.chunk, blob.size);
    const smaller = size > LEAST_CHUNK ? Math.max(LEAST_CHUNK, Math.floor(size / 4)) : undefined;
    if (error instanceof StatusError) {
      if (error.registryCode === "DIGEST_INVALID") await checkFile(blob);
      if (error.status === 413 && smaller === undefined) throw error;
      if (isLost(error)) refusals++;
      if (isLost(error) && error.status !== 416) session = undefined;
      if (error.status === 413) limits.chunk = smaller ?? size;
    } else if (failures > 0) {
      // A proxy that does not take so much may end the connection before its answer is read; and where connections
      // break, less is lost with each.
      limits.chunk = smaller ?? limits.chunk;
    }
  }

  for (;;) {
    try {
      if (session !== undefined && isUncertain)
        session = await askForUpload(connection, session).catch(unlessLost);
      // The answer to what finished an upload may have been lost.
      if (session === undefined && failures > 0 && (await exists())) return;
      session ??= await beginUpload(connection);
      isUncertain = false;
      onSent(session.offset);
      session = await step(session);
      if (session === undefined) return;
    } catch (error) {
      signal?.throwIfAborted();
      const wasOpen = session !== undefined;
      if (wasOpen) await learn(error);
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
  if (`sha256:${hash.digest("hex")}` !== digest) throw damaged(digest);
}

/** A registry that takes a chunk and has none of it. */
class StuckError extends Error {
  readonly code = "EBROKEN";

  constructor(offset: number) {
    super(`the registry has kept no more than ${offset} bytes`);
  }
}

/** Statuses that concern this upload alone, not who asks for it nor what it is. */
const LOST = new Set([400, 404, 405, 409, 410, 411, 415, 416, 499, 500, 501]);

const isLost = ({ status, registryCode }: StatusError): boolean =>
  LOST.has(status) && !/^(?:DENIED|UNAUTHORIZED|NAME_)/.test(registryCode);

function unlessLost(error: unknown): undefined {
  if (!(error instanceof StatusError && isLost(error))) throw error;
}

function classifyUpload(error: unknown): ReturnType<typeof classify> {
  const passing = classify(error);
  if (passing !== undefined || !(error instanceof StatusError)) return passing;
  if (error.status === 413) return { reason: error.message, retryAfterMs: 0 };
  return isLost(error) ? { reason: error.message } : undefined;
}
