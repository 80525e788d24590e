/** Logging in to registries and out of them: credentials are kept only once the registry has accepted them. */
import type { Config } from "../config.ts";
import { TsrunError } from "../errors.ts";
import { hostOfServer, keyOf } from "./auth-file.ts";
import { noRepository, openConnection } from "./contact.ts";
import {
  type CredentialStore,
  type Credentials,
  eraseCredentials,
  findCredentials,
  storeCredentials,
} from "./credentials.ts";
import { isDenial, type StatusError } from "./registry-error.ts";
import type { RetryPolicy } from "./retry.ts";

export interface LoginOptions {
  /** Host or URL of the registry; Docker Hub by default. */
  server?: string;
  /** Without them, the credentials that are kept already are tried again. */
  credentials?: { username: string; password: string };
  signal?: AbortSignal;
  policy?: RetryPolicy;
}

/** What is known of a registry's user. */
export interface Login {
  /** As the registry is called where credentials are kept: "localhost:5000", "https://index.docker.io/v1/". */
  server: string;
  /** "" where an identity token takes the place of a user. */
  username: string;
}

export interface LoginResult extends Login {
  /** Where the credentials are from now on; undefined where they had been kept already. */
  store: CredentialStore | undefined;
}

/** @throws TsrunError ERR_TSRUN_LOGIN_DENIED, ERR_TSRUN_LOGIN_REQUIRED, and what keeps a registry from answering */
export async function login(config: Config, options: LoginOptions): Promise<LoginResult> {
  const { credentials, signal } = options;
  const host = hostOfServer(options.server);
  const authFile = config["auth-file"];
  const given = credentials && { ...credentials, identityToken: undefined };
  const tried = given ?? (await findCredentials(authFile, host, signal));
  if (tried === undefined) {
    throw new TsrunError("ERR_TSRUN_LOGIN_REQUIRED", `no credentials are kept for ${host}`, {
      hint: "give a user name and a password",
    });
  }
  const identityToken = await verify(host, tried, { ...options, config });
  const known = { server: keyOf(host), username: tried.username };
  if (given === undefined) return { ...known, store: undefined };
  const kept = identityToken === undefined ? given : { ...given, password: "", identityToken };
  return { ...known, store: await storeCredentials(authFile, host, kept) };
}

/** The user whose credentials are kept for a server. */
export async function knownLogin(config: Config, server: string | undefined): Promise<Login | undefined> {
  const host = hostOfServer(server);
  const found = await findCredentials(config["auth-file"], host);
  return found && { server: keyOf(host), username: found.username };
}

/** Forgets the credentials of a server; `removed` is false where there were none. */
export async function logout(
  config: Config,
  server: string | undefined,
): Promise<{ server: string; removed: boolean }> {
  const host = hostOfServer(server);
  return { server: keyOf(host), removed: await eraseCredentials(config["auth-file"], host) };
}

/** Has the registry look at the credentials; returns the refresh token that it gives in place of the password. */
async function verify(
  host: string,
  credentials: Credentials,
  { config, policy, signal }: LoginOptions & { config: Config },
): Promise<string | undefined> {
  using connection = await openConnection(noRepository(host), {
    config,
    access: "",
    credentials,
    offline: true,
    explainStatus: (error) => explainStatus(error, host),
    signal,
    ...(policy !== undefined && { policy }),
  });
  return await connection.ask("login", async (contact) => {
    const { body } = await connection.send(contact, new URL(`${contact.url}/v2/`));
    body.destroy();
    return contact.authorizer.refreshToken();
  });
}

function explainStatus(error: StatusError, host: string): TsrunError | undefined {
  if (isDenial(error)) {
    const said = error.registryMessage || `it answered ${error.status}`;
    return new TsrunError(
      "ERR_TSRUN_LOGIN_DENIED",
      `login attempt to ${host} failed: unauthorized: ${said}`,
      {
        hint: "check user name and password; many registries want an access token instead of the account's password",
        cause: error,
      },
    );
  }
  if (error.status !== 404) return undefined;
  return new TsrunError("ERR_TSRUN_REGISTRY_FAILED", `${host} is no registry: ${error.url} does not exist`, {
    hint: "give the registry's host and port, without a repository",
    cause: error,
  });
}
