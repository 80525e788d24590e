/**
 * Credentials as `docker login` keeps them: in a helper program where the configuration names one, else in the `auths`
 * of ~/.docker/config.json itself.
 */
import {
  type AuthEntry,
  type AuthFile,
  changeAuthFile,
  invalidCredentials,
  keyOf,
  keysFor,
  readAuthFile,
} from "./auth-file.ts";
import type { CredentialHelper } from "./credential-helper.ts";

export interface Credentials {
  username: string;
  password: string;
  /** An OAuth2 refresh token, given instead of a password. */
  identityToken: string | undefined;
}

/** Where credentials were stored. */
export type CredentialStore = { helper: string } | { file: string };

/** The user name by which helpers know that the secret is an identity token. */
const TOKEN_USER = "<token>";

/**
 * The credentials for a registry's host; undefined where there are none and the registry is asked anonymously.
 *
 * @param host "docker.io", "localhost:5000"
 * @throws TsrunError ERR_TSRUN_CREDENTIALS_INVALID, ERR_TSRUN_CREDENTIAL_HELPER_MISSING, _FAILED
 */
export async function findCredentials(
  authFile: string,
  host: string,
  signal?: AbortSignal,
): Promise<Credentials | undefined> {
  const content = readAuthFile(authFile);
  const helper = helperFor(content, { authFile, host });
  if (helper === undefined) return fromFile(content, { authFile, host });
  const { getFromHelper } = await import("./credential-helper.ts");
  const found = await getFromHelper(helper, keyOf(host), signal);
  if (found === undefined || found.Secret === "") return undefined;
  return found.Username === TOKEN_USER
    ? { username: "", password: "", identityToken: found.Secret }
    : { username: found.Username, password: found.Secret, identityToken: undefined };
}

/** Keeps credentials for a host, in place of those that were there. */
export async function storeCredentials(
  authFile: string,
  host: string,
  { username, password, identityToken }: Credentials,
): Promise<CredentialStore> {
  const helper = helperFor(readAuthFile(authFile), { authFile, host });
  if (helper !== undefined) {
    const { storeInHelper } = await import("./credential-helper.ts");
    const secret =
      identityToken === undefined
        ? { Username: username, Secret: password }
        : { Username: TOKEN_USER, Secret: identityToken };
    await storeInHelper(helper, { ServerURL: keyOf(host), ...secret });
  }
  const auth = Buffer.from(`${username}:${password}`).toString("base64");
  const entry: AuthEntry = { auth, ...(identityToken !== undefined && { identitytoken: identityToken }) };
  await changeAuthFile(authFile, (content) => {
    content.auths ??= {};
    // Of what a helper keeps, docker notes the host alone.
    replace(content.auths, host, helper === undefined ? entry : {});
  });
  return helper === undefined ? { file: authFile } : { helper: helper.program };
}

/** Forgets a host's credentials; false where there were none. */
export async function eraseCredentials(authFile: string, host: string): Promise<boolean> {
  const content = readAuthFile(authFile);
  const helper = helperFor(content, { authFile, host });
  const inFile = keysFor(host, content.auths).length > 0;
  if (inFile) await changeAuthFile(authFile, ({ auths = {} }) => replace(auths, host, undefined));
  if (helper === undefined) return inFile;
  const { eraseFromHelper } = await import("./credential-helper.ts");
  return (await eraseFromHelper(helper, keyOf(host))) || inFile;
}

export function basicHeader({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

interface Place {
  authFile: string;
  host: string;
}

/** The program that keeps a host's credentials; undefined where the file does. */
export function helperFor(content: AuthFile, { authFile, host }: Place): CredentialHelper | undefined {
  const { credHelpers = {}, credsStore } = content;
  const [key] = keysFor(host, credHelpers);
  const name = key === undefined ? credsStore : credHelpers[key];
  if (!name) return undefined;
  if (!/^[\w.-]+$/.test(name))
    throw invalidCredentials(authFile, `"${name}" is no name of a credential helper`);
  const setting = key === undefined ? '"credsStore"' : '"credHelpers"';
  return { program: `docker-credential-${name}`, namedBy: `${setting} in ${authFile}` };
}

function fromFile({ auths = {} }: AuthFile, { authFile, host }: Place): Credentials | undefined {
  const [key] = keysFor(host, auths);
  const entry = key === undefined ? undefined : auths[key];
  if (entry === undefined) return undefined;
  const [username, password] = entry.auth
    ? decode(entry.auth, authFile)
    : [entry.username ?? "", entry.password ?? ""];
  if (username === "" && !entry.identitytoken) return undefined;
  return { username, password, identityToken: entry.identitytoken || undefined };
}

/** Whatever the host was called by before, only one entry of it is left. */
function replace(auths: Record<string, AuthEntry>, host: string, entry: AuthEntry | undefined): void {
  for (const key of keysFor(host, auths)) delete auths[key];
  if (entry !== undefined) auths[keyOf(host)] = entry;
}

function decode(auth: string, file: string): [username: string, password: string] {
  const text = Buffer.from(auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1) throw invalidCredentials(file, 'an "auth" is not base64 of user:password');
  // Docker pads the password with NUL bytes.
  return [text.slice(0, colon), text.slice(colon + 1).replace(/\0+$/, "")];
}
