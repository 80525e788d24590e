/**
 * Docker's client configuration, as far as it is about credentials; tsrun and docker share the file:
 *
 *     { "auths": { "localhost:5000": { "auth": "<base64 of user:password>" } },
 *       "credsStore": "pass", "credHelpers": { "ghcr.io": "gh" } }
 *
 * Its keys are registries' hosts, for Docker Hub a URL of old. Everything else in it belongs to others and is kept.
 */
import { chownSync, mkdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { TsrunError } from "../errors.ts";
import { writeDocument } from "../store/documents.ts";
import { lock } from "../store/locks.ts";

export interface AuthEntry {
  /** Base64 of user:password. */
  auth?: string;
  username?: string;
  password?: string;
  /** An OAuth2 refresh token, given instead of a password. */
  identitytoken?: string;
}

export interface AuthFile {
  auths?: Record<string, AuthEntry>;
  /** Keeps the credentials of all registries: the rest of the name of a program docker-credential-… */
  credsStore?: string;
  /** The same for single registries. */
  credHelpers?: Record<string, string>;
}

/** Docker Hub's key, which dates from before there were other registries. */
export const DOCKER_HUB_KEY = "https://index.docker.io/v1/";
const DOCKER_HUB_HOSTS = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

/** The host that a user means by a server's name or URL: "https://ghcr.io/v2/" is "ghcr.io", nothing is "docker.io". */
export function hostOfServer(server: string | undefined): string {
  const host = hostOf(server ?? "");
  return host === "" || DOCKER_HUB_HOSTS.has(host) ? "docker.io" : host;
}

/** The key that a host's credentials are written under. */
export const keyOf = (host: string): string => (host === "docker.io" ? DOCKER_HUB_KEY : host);

/** The keys of a record that mean a host: written plainly or as a URL, the plain one first. */
export function keysFor(host: string, record: Readonly<Record<string, unknown>> = {}): string[] {
  const own = Object.keys(record).filter((key) => hostOfServer(key) === host);
  return own.sort((a, b) => Number(b === keyOf(host)) - Number(a === keyOf(host)));
}

/**
 * The file's content; one that does not exist is empty.
 *
 * @throws TsrunError ERR_TSRUN_CREDENTIALS_INVALID
 */
export function readAuthFile(file: string): AuthFile {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return {};
    throw invalidCredentials(file, message, cause);
  }
  if (!isObject(value)) throw invalidCredentials(file, "it is not a JSON object");
  const { auths = {}, credHelpers = {}, credsStore = "" } = value;
  if (!isObject(auths) || !Object.values(auths).every(isObject))
    throw invalidCredentials(file, '"auths" is not an object of objects');
  if (!isObject(credHelpers) || !Object.values(credHelpers).every((name) => typeof name === "string"))
    throw invalidCredentials(file, '"credHelpers" is not an object of strings');
  if (typeof credsStore !== "string") throw invalidCredentials(file, '"credsStore" is not a string');
  return value;
}

/** Replaces the file as a whole by what `change` makes of it, with mode 0600; two changes at once follow each other. */
export async function changeAuthFile(file: string, change: (content: AuthFile) => void): Promise<void> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  // Homes are kept in repositories of dotfiles: the link stays one.
  const path = resolved(file);
  using _held = await lock(dirname(path), { directory: true });
  const owner = statSync(path, { throwIfNoEntry: false });
  const content = readAuthFile(path);
  change(content);
  writeDocument(path, content, { mode: 0o600 });
  if (owner !== undefined && owner.uid !== process.geteuid?.()) chownSync(path, owner.uid, owner.gid);
}

export function invalidCredentials(file: string, what: string, cause?: unknown): TsrunError {
  return new TsrunError("ERR_TSRUN_CREDENTIALS_INVALID", `credentials in ${file}: ${what}`, {
    hint: "correct the file, or move it away and log in again with `tsrun login`",
    cause,
  });
}

const hostOf = (key: string): string => key.replace(/^https?:\/\//, "").split("/", 1)[0] ?? "";

function resolved(file: string): string {
  try {
    return realpathSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return file;
    throw error;
  }
}

const isObject = (value: unknown): value is Record<string, object> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
