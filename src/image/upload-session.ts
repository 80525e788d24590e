/** An upload that a registry has begun, and the requests that carry it on (distribution-spec, "Pushing blobs"). */
import { createReadStream } from "node:fs";
import { TsrunError } from "../errors.ts";
import type { Connection, Contact } from "./contact.ts";
import type { HttpResponse } from "./transport.ts";

export interface UploadedBlob {
  digest: string;
  /** Bytes. */
  size: number;
  /** The file that has them. */
  path: string;
}

export interface Session {
  contact: Contact;
  /** Where it goes on. */
  url: URL;
  /** Bytes that the registry has. */
  offset: number;
  /** The least that it takes in one chunk but the last, 0 where it does not say. */
  minimum: number;
}

/** What is read of the file at once. */
export const PIECE = 256 * 1024;
/** So many times the policy's `stallMs`: registries move a finished blob to its place before they answer. */
const PATIENCE = 10;

/** The session behind an answer to POST, PATCH or GET, or what was known of it. */
export function sessionOf(response: HttpResponse, contact: Contact, before?: Session): Session {
  response.body.destroy();
  const location = response.headers.get("location");
  const url = location === null ? before?.url : new URL(location, response.url);
  if (url === undefined) {
    const message = `${contact.host} opens no upload: it names no location`;
    throw new TsrunError("ERR_TSRUN_REGISTRY_FAILED", message);
  }
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

/** Has the registry begin an upload. */
export function beginUpload(connection: Connection): Promise<Session> {
  const patienceMs = connection.policy.stallMs * PATIENCE;
  return connection.anywhere("upload", async (contact) => {
    const response = await connection.send(contact, "blobs/uploads/", { method: "POST", patienceMs });
    return sessionOf(response, contact);
  });
}

/** The session as the registry knows it, after a failure. */
export async function askForUpload(connection: Connection, session: Session): Promise<Session> {
  const response = await connection.send(session.contact, session.url);
  const offset = bytesKept(response.headers.get("range")) ?? 0;
  return { ...sessionOf(response, session.contact, session), offset };
}

export interface PieceOptions {
  /** Where the piece ends that begins at the session's offset. */
  end: number;
  /** PUT ends the upload. */
  method: "PATCH" | "PUT";
  /** Called with all bytes of the blob sent so far. */
  onSent(bytes: number): void;
}

export function sendPiece(
  connection: Connection,
  blob: UploadedBlob,
  { contact, url, offset, ...session }: Session & PieceOptions,
): Promise<HttpResponse> {
  const { end, method, onSent } = session;
  const target = new URL(url);
  if (method === "PUT") target.searchParams.set("digest", blob.digest);
  const headers = {
    "Content-Type": "application/octet-stream",
    "Content-Length": `${end - offset}`,
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
  const patienceMs = connection.policy.stallMs * PATIENCE;
  const request = { method, headers, patienceMs, ...(end === offset ? {} : { body }) };
  return connection.send(contact, target, request);
}

export function damaged(digest: string): TsrunError {
  return new TsrunError("ERR_TSRUN_IMAGE_DAMAGED", `the blob ${digest} is damaged on disk`, {
    hint: "`tsrun system check --repair` fetches it again",
  });
}
