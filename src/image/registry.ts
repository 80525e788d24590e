/** The pull half of the OCI distribution API for one repository: manifests, configurations and layers. */
import { digestOf } from "../store/digest.ts";
import { blobSource } from "./blob-source.ts";
import { openConnection, type RegistryOptions, type Request } from "./contact.ts";
import { isDigest, verifyDigest } from "./digest.ts";
import { isElsewhere, openForeignLayer } from "./foreign-layer.ts";
import { type Descriptor, DOCUMENT_LIMIT, MANIFEST_TYPES } from "./manifest.ts";
import { allPages, readPage } from "./pages.ts";
import { readAll } from "./read-all.ts";
import type { Reference } from "./reference.ts";
import { StatusError } from "./registry-error.ts";
import type { RepositorySource } from "./source.ts";
import type { HttpResponse } from "./transport.ts";

export type { RegistryOptions } from "./contact.ts";

/** Makes a client for a reference's repository; the network is not touched before the first request. */
export async function openRegistry(ref: Reference, options: RegistryOptions): Promise<RepositorySource> {
  const connection = await openConnection(ref, { ...options, access: "pull" });
  const { policy, onRetry, signal } = connection;

  /** A request whose answer is read whole. */
  const small = <T>(what: string, rest: string, handle: Request & { read(r: HttpResponse): Promise<T> }) => {
    const { read, ...request } = handle;
    return connection.ask(what, async (contact) => read(await connection.send(contact, rest, request)));
  };

  async function* layer(descriptor: Descriptor): AsyncGenerator<Uint8Array> {
    const open = async (offset: number) => {
      const headers = offset === 0 ? {} : { Range: `bytes=${offset}-` };
      try {
        return await connection.anywhere("layer", (contact) =>
          connection.send(contact, `blobs/${descriptor.digest}`, { headers }),
        );
      } catch (error) {
        if (!isElsewhere(descriptor, error)) throw error;
        return await openForeignLayer(descriptor, connection.transport, { headers, signal });
      }
    };
    try {
      yield* blobSource({ descriptor, open, policy, onRetry, signal });
    } catch (error) {
      throw connection.explain(error);
    }
  }

  const accept = { Accept: MANIFEST_TYPES.join(", ") };
  const limits = { limit: DOCUMENT_LIMIT, stallMs: policy.stallMs };
  return {
    manifest: (tagOrDigest) =>
      small("manifest", `manifests/${tagOrDigest}`, {
        headers: accept,
        async read(response) {
          const bytes = await readAll(response, { ...limits, what: "manifest" });
          const announced = isDigest(tagOrDigest)
            ? tagOrDigest
            : response.headers.get("docker-content-digest");
          if (isDigest(announced)) verifyDigest("the manifest", bytes, announced);
          return { bytes, mediaType: response.headers.get("content-type") ?? "", digest: digestOf(bytes) };
        },
      }),
    async resolveTag(tag) {
      try {
        return await small("manifest", `manifests/${tag}`, {
          method: "HEAD",
          headers: accept,
          async read({ headers, body }) {
            body.destroy();
            const digest = headers.get("docker-content-digest");
            return isDigest(digest) ? digest : undefined;
          },
        });
      } catch (error) {
        // An answer to HEAD has no body to say what is wrong; asking for the manifest itself will tell.
        if ((error as Error).cause instanceof StatusError) return undefined;
        throw error;
      }
    },
    document: (descriptor, what) =>
      small(what, `blobs/${descriptor.digest}`, {
        async read(response) {
          const bytes = await readAll(response, { ...limits, what });
          verifyDigest(`the ${what}`, bytes, descriptor.digest);
          return bytes;
        },
      }),
    tags: () =>
      allPages((query) =>
        small("tags", `tags/list${query}`, {
          read: (response) => readPage(response, "tags", policy.stallMs),
        }),
      ),
    layer,
    [Symbol.dispose]: () => connection[Symbol.dispose](),
  };
}
