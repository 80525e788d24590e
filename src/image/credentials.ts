/**
 * Credentials as `docker login` keeps them: the `auths` of ~/.docker/config.json, whose keys are registries' hosts
 * ("ghcr.io", "localhost:5000") and, for Docker Hub, "https://index.docker.io/v1/".
 */
import { readFileSync } from "node:fs";
import { TsrunError } from "../errors.ts";

export interface Credentials {
  username: string;
  password: string;
  /** An OAuth2 refresh token, given instead of a password. */
  identityToken: string | undefined;
}

interface AuthFile {
  auths?: Record<string, { auth?: string; username?: string; password?: string; identitytoken?: string }>;
  credsStore?: string;
  credHelpers?: Record<string, string>;
}

const DOCKER_HUB_KEY = "index.docker.io";

/**
 * The credentials for a registry's host; undefined where there are none and the registry is asked anonymously.
 *
 * @param host "docker.io", "localhost:5000"
 */
export function findCredentials(authFile: string, host: string): Credentials | undefined {
  const auths = readAuthFile(authFile).auths ?? {};
  const wanted = host === "docker.io" ? DOCKER_HUB_KEY : host;
  const key =
    Object.keys(auths).find((name) => name === wanted) ??
    Object.keys(auths).find((n) => hostOf(n) === wanted);
  const entry = key === undefined ? undefined : auths[key];
  if (entry === undefined) return undefined;
  const [username, password] = entry.auth
    ? decode(entry.auth, authFile)
    : [entry.username ?? "", entry.password ?? ""];
  if (username === "" && !entry.identitytoken) return undefined;
  return { username, password, identityToken: entry.identitytoken || undefined };
}

/** The name of the helper program that keeps a registry's credentials, where Docker's configuration names one. */
export function credentialHelper(authFile: string, host: string): string | undefined {
  const { credHelpers, credsStore } = readAuthFile(authFile);
  const name = credHelpers?.[host] ?? credsStore;
  return name ? `docker-credential-${name}` : undefined;
}

export function basicHeader({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function readAuthFile(file: string): AuthFile {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as AuthFile;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return {};
    throw new TsrunError(
      "ERR_TSRUN_CREDENTIALS_INVALID",
      `credentials in ${file}: ${(cause as Error).message}`,
      { cause },
    );
  }
}

/** Keys may be URLs: "https://index.docker.io/v1/" is the host index.docker.io. */
const hostOf = (key: string): string => key.replace(/^https?:\/\//, "").split("/", 1)[0] ?? "";

function decode(auth: string, file: string): [username: string, password: string] {
  const text = Buffer.from(auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1) {
    throw new TsrunError(
      "ERR_TSRUN_CREDENTIALS_INVALID",
      `credentials in ${file}: an "auth" is not base64 of user:password`,
    );
  }
  // Docker pads the password with NUL bytes.
  return [text.slice(0, colon), text.slice(colon + 1).replace(/\0+$/, "")];
}
