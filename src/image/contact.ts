/**
 * Talking to a registry about one repository: at which endpoint, with which credentials, how often, and how a failure
 * reads to a user. Both halves of the distribution API stand on it: registry.ts pulls, registry-push.ts pushes.
 */
import type { Config } from "../config.ts";
import type { TsrunError } from "../errors.ts";
import { type Authorizer, createAuthorizer } from "./auth.ts";
import { type Credentials, findCredentials } from "./credentials.ts";
import { apiUrl, type Endpoint, endpointsOf } from "./endpoints.ts";
import { familiarName, familiarRepository, type Reference } from "./reference.ts";
import {
  classify,
  classifyFirstContact,
  explainFailure,
  StatusError,
  type Subject,
  statusError,
} from "./registry-error.ts";
import { DEFAULT_POLICY, failoverPolicy, type OnRetry, type RetryPolicy, retrying } from "./retry.ts";
import { createTransport, type HttpRequest, type HttpResponse, type Transport } from "./transport.ts";

export interface RegistryOptions {
  config: Config;
  policy?: RetryPolicy;
  onRetry?: OnRetry | undefined;
  signal?: AbortSignal | undefined;
}

export interface ConnectionOptions extends RegistryOptions {
  /** What is asked of the repository; mirrors serve pulls alone. "" is for requests that are about none. */
  access: "pull" | "pull,push" | "";
  /** Where to ask, if not where the registry's images are. */
  endpoints?: readonly Endpoint[];
  /** Those to try, in place of the ones that are kept for the registry. */
  credentials?: Credentials | undefined;
  /** Asks for a refresh token too, in place of the password. */
  offline?: boolean;
  /** The words for a status, where they are not those of a pull. */
  explainStatus?: (error: StatusError, subject: Subject) => TsrunError | undefined;
}

/** An endpoint as this connection knows it. */
export interface Contact extends Endpoint {
  authorizer: Authorizer;
  /** It has answered: failures to connect are passing ones from now on. */
  answered: boolean;
  /** It wants to know who asks. */
  challenged: boolean;
}

export type Request = Pick<HttpRequest, "method" | "headers" | "body" | "patienceMs">;

export interface Connection extends Disposable {
  readonly policy: RetryPolicy;
  /** For requests to others than the registry, without its credentials. */
  readonly transport: Transport;
  readonly onRetry: OnRetry | undefined;
  readonly signal: AbortSignal | undefined;
  /** Runs a request, several times at one endpoint before the next is asked; throws what the user is to read. */
  ask<T>(what: string, run: (contact: Contact) => Promise<T>): Promise<T>;
  /** Runs it once, at the endpoint that worked last and at those after it where it fails in a way they may not. */
  anywhere<T>(what: string, run: (contact: Contact) => Promise<T>): Promise<T>;
  /**
   * One request with its authorization, to a path below the repository or to a whole URL that the registry has named.
   *
   * @throws StatusError for any status but 2xx
   */
  send(contact: Contact, target: string | URL, request?: Request): Promise<HttpResponse>;
  /** The error that a user sees. */
  explain(error: unknown): unknown;
}

/** An insecure registry that has not shown yet that it speaks TLS: the next endpoint is the same without. */
const mayBePlainHttp = ({ url, insecure, mirror, answered }: Contact): boolean =>
  insecure && !mirror && !answered && url.startsWith("https:");

/** For requests that are about no repository of a registry. */
export const noRepository = (domain: string): Reference => ({
  domain,
  path: "",
  tag: undefined,
  digest: undefined,
});

/** The network is not touched before the first request. */
export async function openConnection(ref: Reference, options: ConnectionOptions): Promise<Connection> {
  const { config, policy = DEFAULT_POLICY, onRetry, signal } = options;
  const transport = createTransport(config, policy);
  const endpoints = options.endpoints ?? (await endpointsOf(ref, config));
  const mirrorFailures: string[] = [];
  const anywhere = failover(contactsAt(endpoints, { ref, transport, options }), {
    signal,
    onMirrorFailure(what, { url }, reason) {
      mirrorFailures.push(`mirror ${url}: ${reason}`);
      onRetry?.({ what: `${what} from mirror ${url}`, reason, delayMs: 0 });
    },
  });

  async function send(contact: Contact, target: string | URL, request: Request = {}): Promise<HttpResponse> {
    const url = new URL(typeof target === "string" ? apiUrl(contact, ref, target) : target);
    // A registry may send uploads to a storage service, whose URLs carry their own authorization.
    const isOwn = url.origin === new URL(contact.url).origin;
    const known = () => (isOwn ? contact.authorizer.header() : undefined);
    // A long body is not sent only to be told that the token has expired.
    if (typeof request.body === "function" && isOwn && contact.challenged && known() === undefined)
      (await send(contact, new URL(`${contact.url}/v2/`))).body.destroy();
    for (let asked = 0; ; asked++) {
      const authorization = known();
      const response = await transport.request(url.href, {
        ...request,
        headers: {
          ...request.headers,
          ...(authorization === undefined ? {} : { Authorization: authorization }),
        },
        insecure: contact.insecure && isOwn,
        signal,
      });
      contact.answered = true;
      if (response.status >= 200 && response.status < 300) return response;
      const error = await statusError(response, policy.stallMs);
      if (error.status !== 401 || asked > 0 || !isOwn) throw error;
      contact.challenged = true;
      if (!(await contact.authorizer.answer(error.headers.get("www-authenticate"), authorization)))
        throw error;
    }
  }

  async function ask<T>(what: string, run: (contact: Contact) => Promise<T>): Promise<T> {
    const tryContact = (contact: Contact) => {
      const meet = (error: unknown) => {
        if (contact.answered) return classify(error);
        // Servers meet a TLS greeting that they do not understand in many ways, a reset among them.
        return mayBePlainHttp(contact) ? undefined : classifyFirstContact(error);
      };
      const patience = contact.mirror ? failoverPolicy(policy) : policy;
      return retrying(() => run(contact), { what, policy: patience, classify: meet, onRetry, signal });
    };
    try {
      return await anywhere(what, tryContact);
    } catch (error) {
      throw explain(error);
    }
  }

  function explain(error: unknown): unknown {
    const subject: Subject = {
      name: familiarName(ref),
      repository: familiarRepository(ref),
      registry: ref.domain,
      note: mirrorFailures.length === 0 ? undefined : mirrorFailures.join("; "),
    };
    const own = error instanceof StatusError ? options.explainStatus?.(error, subject) : undefined;
    return own ?? explainFailure(error, subject);
  }

  return {
    policy,
    transport,
    onRetry,
    signal,
    ask,
    anywhere,
    send,
    explain,
    [Symbol.dispose]: () => transport[Symbol.dispose](),
  };
}

function contactsAt(
  endpoints: readonly Endpoint[],
  { ref, transport, options }: { ref: Reference; transport: Transport; options: ConnectionOptions },
): Contact[] {
  const { config, access, credentials, offline = false, signal } = options;
  return endpoints
    .filter(({ mirror }) => access === "pull" || !mirror)
    .map((endpoint) => ({
      ...endpoint,
      answered: false,
      challenged: false,
      authorizer: createAuthorizer({
        registryUrl: endpoint.url,
        insecure: endpoint.insecure,
        scope: access === "" ? "" : `repository:${ref.path}:${access}`,
        credentials: async () =>
          credentials ?? (await findCredentials(config["auth-file"], endpoint.host, signal)),
        offline,
        transport,
        signal,
      }),
    }));
}

/** Connection.anywhere(): goes on from mirror to mirror, and from TLS to plain HTTP, and stays where it got an answer. */
function failover(
  contacts: readonly Contact[],
  {
    signal,
    onMirrorFailure,
  }: {
    signal: AbortSignal | undefined;
    onMirrorFailure(what: string, mirror: Contact, reason: string): void;
  },
): Connection["anywhere"] {
  let preferred = 0;
  return async (what, run) => {
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
        if (contact.mirror) onMirrorFailure(what, contact, (error as Error).message);
      }
    }
  };
}
