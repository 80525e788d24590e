/** The pull half of the OCI distribution API for one repository: manifests, configurations and layers. */
import type { Config } from "../config.ts";
import { digestOf } from "../store/digest.ts";
import { type Authorizer, createAuthorizer } from "./auth.ts";
import { blobSource } from "./blob-source.ts";
import { credentialHelper, findCredentials } from "./credentials.ts";
import { isDigest, verifyDigest } from "./digest.ts";
import { apiUrl, type Endpoint, endpointsOf } from "./endpoints.ts";
import { type Descriptor, DOCUMENT_LIMIT, MANIFEST_TYPES } from "./manifest.ts";
import { readAll } from "./read-all.ts";
import { familiarName, familiarRepository, type Reference } from "./reference.ts";
import {
  classify,
  classifyFirstContact,
  explainFailure,
  StatusError,
  statusError,
} from "./registry-error.ts";
import { DEFAULT_POLICY, type OnRetry, type RetryPolicy, retrying } from "./retry.ts";
import type { ImageSource } from "./source.ts";
import { createTransport, type HttpResponse } from "./transport.ts";

export interface RegistryOptions {
  config: Config;
  policy?: RetryPolicy;
  onRetry?: OnRetry | undefined;
  signal?: AbortSignal | undefined;
}

interface Contact extends Endpoint {
  authorizer: Authorizer;
  /** It has answered: failures to connect are passing ones from now on. */
  answered: boolean;
}

interface Request {
  method?: "GET" | "HEAD";
  headers?: Record<string, string>;
}

/** An insecure registry that has not shown yet that it speaks TLS: the next endpoint is the same without. */
const mayBePlainHttp = ({ url, insecure, mirror, answered }: Contact): boolean =>
  insecure && !mirror && !answered && url.startsWith("https:");

/** Makes a client for a reference's repository; the network is not touched before the first request. */
export async function openRegistry(ref: Reference, options: RegistryOptions): Promise<ImageSource> {
  const { config, policy = DEFAULT_POLICY, onRetry, signal } = options;
  const transport = createTransport(config, policy);
  const contacts: Contact[] = (await endpointsOf(ref, config)).map((endpoint) => ({
    ...endpoint,
    answered: false,
    authorizer: createAuthorizer({
      registryUrl: endpoint.url,
      insecure: endpoint.insecure,
      scope: `repository:${ref.path}:pull`,
      credentials: findCredentials(config["auth-file"], endpoint.host),
      transport,
      signal,
    }),
  }));
  const mirrorFailures: string[] = [];
  let preferred = 0;

  /** Runs a request at the endpoint that worked last, and at those after it where it fails in a way they may not. */
  async function anywhere<T>(run: (contact: Contact) => Promise<T>, what: string): Promise<T> {
    for (let i = preferred; ; i++) {
      const contact = contacts[i] as Contact;
      try {
        const result = await run(contact);
        preferred = i;
        return result;
      } catch (error) {
        signal?.throwIfAborted();
        const isLast = i === contacts.length - 1;
        if (isLast || !(contact.mirror || mayBePlainHttp(contact))) throw error;
        if (!contact.mirror) continue;
        const reason = (error as Error).message;
        mirrorFailures.push(`mirror ${contact.url}: ${reason}`);
        onRetry?.({ what: `${what} from mirror ${contact.url}`, reason, delayMs: 0 });
      }
    }
  }

  async function send(contact: Contact, rest: string, request: Request): Promise<HttpResponse> {
    for (let asked = 0; ; asked++) {
      const authorization = contact.authorizer.header();
      const response = await transport.request(apiUrl(contact, ref, rest), {
        method: request.method ?? "GET",
        headers: {
          ...request.headers,
          ...(authorization === undefined ? {} : { Authorization: authorization }),
        },
        insecure: contact.insecure,
        signal,
      });
      contact.answered = true;
      if (response.status === 200 || response.status === 206) return response;
      const error = await statusError(response, policy.stallMs);
      const mayAnswer = error.status === 401 && asked === 0;
      if (
        !mayAnswer ||
        !(await contact.authorizer.answer(error.headers.get("www-authenticate"), authorization))
      )
        throw error;
    }
  }

  /** A request whose answer is read whole, tried several times at one endpoint before the next is asked. */
  async function small<T>(
    what: string,
    rest: string,
    handle: Request & { read(r: HttpResponse): Promise<T> },
  ): Promise<T> {
    const tryContact = (contact: Contact) => {
      const run = async () => handle.read(await send(contact, rest, handle));
      const meet = (error: unknown) => {
        if (contact.answered) return classify(error);
        // Servers meet a TLS greeting that they do not understand in many ways, a reset among them.
        return mayBePlainHttp(contact) ? undefined : classifyFirstContact(error);
      };
      return retrying(run, { what, policy, classify: meet, onRetry, signal });
    };
    try {
      return await anywhere(tryContact, what);
    } catch (error) {
      throw explain(error);
    }
  }

  async function* layer(descriptor: Descriptor): AsyncGenerator<Uint8Array> {
    const open = (offset: number) => {
      const headers = offset === 0 ? {} : { Range: `bytes=${offset}-` };
      return anywhere((contact) => send(contact, `blobs/${descriptor.digest}`, { headers }), "layer");
    };
    try {
      yield* blobSource({ descriptor, open, policy, onRetry, signal });
    } catch (error) {
      throw explain(error);
    }
  }

  function explain(error: unknown): unknown {
    const helper = credentialHelper(config["auth-file"], ref.domain);
    const isDenied = error instanceof StatusError && [401, 403].includes(error.status);
    const notes = [...mirrorFailures];
    if (isDenied && helper !== undefined) notes.push(`credentials kept by ${helper} are not read`);
    return explainFailure(error, {
      name: familiarName(ref),
      repository: familiarRepository(ref),
      registry: ref.domain,
      note: notes.length === 0 ? undefined : notes.join("; "),
    });
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
    layer,
    [Symbol.dispose]: () => transport[Symbol.dispose](),
  };
}
