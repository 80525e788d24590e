/**
 * Answers to a registry's 401: HTTP basic authentication, and bearer tokens from the authorization service that the
 * challenge names (distribution's "Token Authentication Specification").
 */
import { TsrunError } from "../errors.ts";
import { basicHeader, type Credentials } from "./credentials.ts";
import { parseObject } from "./manifest.ts";
import { readAll } from "./read-all.ts";
import { statusError } from "./registry-error.ts";
import { mergeScopes } from "./scopes.ts";
import type { HttpRequest, Transport } from "./transport.ts";

export interface Challenge {
  /** Lower-case: "bearer", "basic". */
  scheme: string;
  parameters: Readonly<Record<string, string>>;
}

export interface Authorizer {
  /** The Authorization header to send, undefined while none is known. */
  header(): string | undefined;
  /** Answers a 401 to a request that carried `sent`; true where it is worth asking again. */
  answer(wwwAuthenticate: string | null, sent: string | undefined): Promise<boolean>;
  /** The refresh token that came with the last token, if one did. */
  refreshToken(): string | undefined;
}

export interface AuthorizerOptions {
  /** The registry's base URL: credentials are not sent on in clear by a registry that is spoken to with TLS. */
  registryUrl: string;
  insecure: boolean;
  /** What is to be done, blanks between: "repository:library/alpine:pull". What challenges ask for is added. */
  scope: string;
  /** Asked at the first challenge, once: a program may have to be run for them. */
  credentials: () => Promise<Credentials | undefined>;
  /** Asks for a refresh token too, to be kept instead of the password. */
  offline?: boolean;
  transport: Transport;
  signal?: AbortSignal | undefined;
}

const TOKEN_LIMIT = 1024 * 1024;
/** How authorization services are told who asks. */
const CLIENT_ID = "tsrun";
/** What the specification has clients assume. */
const DEFAULT_LIFETIME_S = 60;
/** A token is renewed so long before it ends, so that it does not end on its way. */
const MARGIN_MS = 10_000;

export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  let header: string | undefined;
  let refreshToken: string | undefined;
  let expiresAt = Number.POSITIVE_INFINITY;
  let pending: Promise<boolean> | undefined;
  let scopes = mergeScopes(options.scope);
  let credentials: Promise<Credentials | undefined> | undefined;
  const current = () => (Date.now() < expiresAt ? header : undefined);

  async function answerOnce(wwwAuthenticate: string | null): Promise<boolean> {
    const challenges = parseChallenges(wwwAuthenticate ?? "");
    credentials ??= options.credentials();
    const own = await credentials;
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer !== undefined) {
      // One token for all that has been asked for, or two requests that need different ones take turns.
      scopes = mergeScopes(...scopes, bearer.parameters.scope ?? "");
      const token = await fetchToken(bearer, { ...options, scopes, credentials: own });
      header = `Bearer ${token.value}`;
      refreshToken = token.refreshToken;
      expiresAt = Date.now() + token.lifetimeMs - MARGIN_MS;
      return true;
    }
    if (own === undefined || !challenges.some(({ scheme }) => scheme === "basic")) return false;
    const basic = basicHeader(own);
    const isNew = header !== basic;
    header = basic;
    return isNew;
  }

  return {
    header: current,
    refreshToken: () => refreshToken,
    answer(wwwAuthenticate, sent) {
      // Several downloads meet the end of a token at once: the first renews it for all.
      if (sent !== current() && current() !== undefined) return Promise.resolve(true);
      pending ??= answerOnce(wwwAuthenticate).finally(() => {
        pending = undefined;
      });
      return pending;
    },
  };
}

/** Reads a WWW-Authenticate header, which may carry several challenges (RFC 9110, 11.6.1). */
export function parseChallenges(header: string): Challenge[] {
  const token = /[\s,]*([\w!#$%&'*+.^`|~-]+)/y;
  const value = /\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/y;
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  for (;;) {
    const name = token.exec(header)?.[1];
    if (name === undefined) return challenges;
    value.lastIndex = token.lastIndex;
    const match = value.exec(header);
    if (match === null) {
      challenges.push({ scheme: name.toLowerCase(), parameters: {} });
      continue;
    }
    token.lastIndex = value.lastIndex;
    const challenge = challenges.at(-1);
    if (challenge !== undefined) {
      challenge.parameters[name.toLowerCase()] = match[1]?.replace(/\\(.)/g, "$1") ?? match[2] ?? "";
    }
  }
}

interface TokenOptions extends Omit<AuthorizerOptions, "credentials" | "scope"> {
  scopes: readonly string[];
  credentials: Credentials | undefined;
}

interface Token {
  value: string;
  lifetimeMs: number;
  refreshToken: string | undefined;
}

async function fetchToken(challenge: Challenge, options: TokenOptions): Promise<Token> {
  const { transport, signal } = options;
  const { url, request } = tokenRequest(challenge, options);
  const insecure = options.insecure && new URL(url).host === new URL(options.registryUrl).host;
  const response = await transport.request(url, { ...request, insecure, signal });
  if (response.status !== 200) throw await statusError(response, transport.policy.stallMs);
  const doc = parseObject(
    await readAll(response, { limit: TOKEN_LIMIT, what: "token", stallMs: transport.policy.stallMs }),
    "token",
  );
  const value = doc.token ?? doc.access_token;
  if (typeof value !== "string" || !HEADER_TEXT.test(value))
    throw invalid(`${new URL(url).host} answered without a token`);
  const seconds = typeof doc.expires_in === "number" ? doc.expires_in : DEFAULT_LIFETIME_S;
  return {
    value,
    lifetimeMs: Math.max(seconds, DEFAULT_LIFETIME_S) * 1000,
    refreshToken: typeof doc.refresh_token === "string" ? doc.refresh_token || undefined : undefined,
  };
}

/** What can stand in a header: a token with a line's end in it would be a header of its own. */
const HEADER_TEXT = /^[\x21-\x7e]+$/;

/** A GET with the password, or where there is a refresh token the POST of OAuth2 (RFC 6749, section 6). */
function tokenRequest(
  { parameters }: Challenge,
  options: TokenOptions,
): { url: string; request: HttpRequest } {
  const { registryUrl, scopes, credentials, offline } = options;
  const realm = parameters.realm ?? "";
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw invalid(`the registry names no authorization service (realm "${realm}")`);
  if (credentials !== undefined && url.protocol === "http:" && registryUrl.startsWith("https:")) {
    throw invalid(`the registry wants credentials sent in clear to ${url.origin}`);
  }
  const service = parameters.service;
  if (credentials?.identityToken !== undefined) {
    const form = new URLSearchParams({ grant_type: "refresh_token", client_id: CLIENT_ID });
    form.set("scope", scopes.join(" "));
    form.set("refresh_token", credentials.identityToken);
    if (service !== undefined) form.set("service", service);
    const headers = { "Content-Type": "application/x-www-form-urlencoded" };
    return { url: url.href, request: { method: "POST", headers, body: form.toString() } };
  }
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (service !== undefined) url.searchParams.set("service", service);
  if (credentials === undefined) return { url: url.href, request: {} };
  url.searchParams.set("account", credentials.username);
  if (offline) {
    url.searchParams.set("offline_token", "true");
    url.searchParams.set("client_id", CLIENT_ID);
  }
  return { url: url.href, request: { headers: { Authorization: basicHeader(credentials) } } };
}

function invalid(message: string): TsrunError {
  return new TsrunError("ERR_TSRUN_AUTH_INVALID", `authorization: ${message}`, {
    hint: "the registry is misconfigured; tell its operator",
  });
}
