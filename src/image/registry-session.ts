/**
 * Requests to a registry that are about no repository: whether it knows a user, what it has. Mirrors have no part in
 * them.
 */
import type { Config } from "../config.ts";
import { type Authorizer, createAuthorizer } from "./auth.ts";
import { type Credentials, findCredentials } from "./credentials.ts";
import { type Endpoint, endpointsOf } from "./endpoints.ts";
import { classify, classifyFirstContact, statusError } from "./registry-error.ts";
import { DEFAULT_POLICY, type RetryPolicy, retrying } from "./retry.ts";
import { createTransport, type HttpResponse } from "./transport.ts";

export interface SessionOptions {
  config: Config;
  /** Those to try, in place of the ones that are kept for the host. */
  credentials?: Credentials | undefined;
  /** Asks for a refresh token in place of the password. */
  offline?: boolean;
  /** The base URLs to try, where they are not those of the registry's own API. */
  endpoints?: readonly Endpoint[];
  policy?: RetryPolicy | undefined;
  signal?: AbortSignal | undefined;
}

export interface Session extends Disposable {
  readonly policy: RetryPolicy;
  /**
   * Sends a GET for "/v2/…" and reads its answer, as often as a passing fault calls for.
   *
   * @throws StatusError for any status but 200
   */
  get<T>(path: string, read: (response: HttpResponse) => Promise<T>): Promise<T>;
  /** A refresh token, if one came with the last token. */
  refreshToken(): string | undefined;
}

interface Contact extends Endpoint {
  authorizer: Authorizer;
  answered: boolean;
}

/** @param host "docker.io", "localhost:5000" */
export async function openSession(host: string, options: SessionOptions): Promise<Session> {
  const { config, credentials, offline = false, policy = DEFAULT_POLICY, signal } = options;
  const transport = createTransport(config, policy);
  const endpoints = options.endpoints ?? (await endpointsOf({ domain: host }, config));
  const contacts = endpoints
    .filter(({ mirror }) => !mirror)
    .map((endpoint): Contact => {
      const authorizer = createAuthorizer({
        registryUrl: endpoint.url,
        insecure: endpoint.insecure,
        scope: "",
        credentials: async () => credentials ?? (await findCredentials(config["auth-file"], host, signal)),
        offline,
        transport,
        signal,
      });
      return { ...endpoint, answered: false, authorizer };
    });
  let contact = contacts[0] as Contact;

  async function send(path: string): Promise<HttpResponse> {
    for (let asked = 0; ; asked++) {
      const authorization = contact.authorizer.header();
      const response = await transport.request(`${contact.url}${path}`, {
        headers: authorization === undefined ? {} : { Authorization: authorization },
        insecure: contact.insecure,
        signal,
      });
      contact.answered = true;
      if (response.status === 200) return response;
      const error = await statusError(response, policy.stallMs);
      const challenge = error.headers.get("www-authenticate");
      const mayAnswer = error.status === 401 && asked === 0;
      if (!mayAnswer || !(await contact.authorizer.answer(challenge, authorization))) throw error;
    }
  }

  async function get<T>(path: string, read: (response: HttpResponse) => Promise<T>): Promise<T> {
    const run = async () => read(await send(path));
    const isLast = () => contact === contacts.at(-1);
    const meet = (error: unknown) => {
      if (contact.answered) return classify(error);
      return isLast() ? classifyFirstContact(error) : undefined;
    };
    for (;;) {
      try {
        return await retrying(run, { what: path, policy, classify: meet, signal });
      } catch (error) {
        signal?.throwIfAborted();
        // An insecure registry that does not speak TLS: the next endpoint is the same without.
        if (contact.answered || isLast()) throw error;
        contact = contacts[contacts.indexOf(contact) + 1] as Contact;
      }
    }
  }

  return {
    policy,
    get,
    refreshToken: () => contact.authorizer.refreshToken(),
    [Symbol.dispose]: () => transport[Symbol.dispose](),
  };
}
