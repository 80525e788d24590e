/** The push half of the OCI distribution API for one repository: what it has, uploads, mounts and manifests. */
import { TsrunError } from "../errors.ts";
import { digestMismatch } from "../store/digest.ts";
import { openConnection, type RegistryOptions } from "./contact.ts";
import { isDigest } from "./digest.ts";
import { MANIFEST_TYPES } from "./manifest.ts";
import { explainPushStatus } from "./push-error.ts";
import type { Reference } from "./reference.ts";
import { StatusError } from "./registry-error.ts";
import { DEFAULT_CHUNK, type UploadLimits, uploadBlob } from "./upload-blob.ts";
import { type Session, sessionOf, type UploadedBlob } from "./upload-session.ts";

export interface PushedManifest {
  digest: string;
  mediaType: string;
  bytes: Buffer;
}

export interface PushRegistryOptions extends RegistryOptions {
  /** Bytes of a chunk; of smaller blobs all. */
  chunk?: number;
}

/** A repository to push to, for as long as a push takes. To be disposed of after use. */
export interface ImageTarget extends Disposable {
  /** Has the registry say who may push: the first thing to do. */
  greet(): Promise<void>;
  hasBlob(digest: string): Promise<boolean>;
  hasManifest(digest: string): Promise<boolean>;
  /** Has it take the blob from another repository of the same registry; undefined where it cannot, else from which. */
  mount(digest: string, repositories: readonly string[]): Promise<string | undefined>;
  /** Ends when the registry has verified the blob; `onSent` is called with all bytes sent so far. */
  upload(blob: UploadedBlob, onSent: (bytes: number) => void): Promise<void>;
  manifest(tagOrDigest: string, manifest: PushedManifest): Promise<void>;
}

/** Repositories that are asked to lend a blob before it is uploaded. */
const MOUNT_ATTEMPTS = 3;

/** Makes a client for a reference's repository; the network is not touched before the first request. */
export async function openPushRegistry(ref: Reference, options: PushRegistryOptions): Promise<ImageTarget> {
  const connection = await openConnection(ref, {
    ...options,
    access: "pull,push",
    explainStatus: explainPushStatus,
  });
  const limits: UploadLimits = { chunk: options.chunk ?? DEFAULT_CHUNK };
  /** Uploads that mounts have turned into. */
  const sessions = new Map<string, Session>();

  /** Whether it is there. An answer to HEAD has no body to say what is wrong; the upload will tell. */
  async function has(what: string, rest: string, headers: Record<string, string> = {}): Promise<boolean> {
    try {
      return await connection.ask(what, async (contact) => {
        (await connection.send(contact, rest, { method: "HEAD", headers })).body.destroy();
        return true;
      });
    } catch (error) {
      if ((error as Error).cause instanceof StatusError) return false;
      throw error;
    }
  }
  const hasBlob = (digest: string) => has("layer", `blobs/${digest}`);

  async function mountFrom(digest: string, repository: string): Promise<boolean> {
    const rest = `blobs/uploads/?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(repository)}`;
    try {
      return await connection.ask("layer", async (contact) => {
        const response = await connection.send(contact, rest, { method: "POST" });
        if (response.status === 201) {
          response.body.destroy();
          return true;
        }
        sessions.set(digest, sessionOf(response, contact));
        return false;
      });
    } catch (error) {
      // It has no such repository, does not let us read it, or does not mount: an upload is never wrong.
      if ((error as Error).cause instanceof StatusError) return false;
      throw error;
    }
  }

  /** Ends an upload that is not needed. */
  async function cancel(digest: string): Promise<void> {
    const session = sessions.get(digest);
    if (session === undefined) return;
    sessions.delete(digest);
    const response = await connection
      .send(session.contact, session.url, { method: "DELETE" })
      .catch(() => undefined); // it ends by itself after some time
    response?.body.destroy();
  }

  return {
    greet: () =>
      connection.ask("registry", async (contact) => {
        (await connection.send(contact, new URL(`${contact.url}/v2/`))).body.destroy();
      }),
    hasBlob,
    hasManifest: (digest) => has("manifest", `manifests/${digest}`, { Accept: MANIFEST_TYPES.join(", ") }),
    async mount(digest, repositories) {
      for (const repository of repositories.slice(0, MOUNT_ATTEMPTS)) {
        await cancel(digest);
        if (await mountFrom(digest, repository)) return repository;
      }
      return undefined;
    },
    async upload(blob, onSent) {
      const session = sessions.get(blob.digest);
      sessions.delete(blob.digest);
      const exists = () => hasBlob(blob.digest);
      try {
        await uploadBlob(connection, blob, { limits, session, exists, onSent });
      } catch (error) {
        throw connection.explain(error);
      }
    },
    manifest: (tagOrDigest, { digest, mediaType, bytes }) =>
      connection.ask("manifest", async (contact) => {
        const headers = { "Content-Type": mediaType };
        const request = { method: "PUT" as const, headers, body: bytes };
        const response = await connection.send(contact, `manifests/${tagOrDigest}`, request);
        response.body.destroy();
        const kept = response.headers.get("docker-content-digest");
        if (isDigest(kept) && kept !== digest) throw altered(digest, kept);
      }),
    [Symbol.dispose]: () => connection[Symbol.dispose](),
  };
}

function altered(expected: string, actual: string): TsrunError {
  const { code, message } = digestMismatch("the manifest that the registry has kept", { expected, actual });
  return new TsrunError(code, message, { hint: "the registry or a proxy in between alters what is pushed" });
}
