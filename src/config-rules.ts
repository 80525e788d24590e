/** What each key of the configuration file may hold. */
import type { Config } from "./config.ts";

/** Says what is wrong with a value, or undefined where nothing is. */
export type Rule = (value: unknown) => string | undefined;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const string: Rule = (value) => (typeof value === "string" ? undefined : "must be a string");

const strings: Rule = (value) =>
  Array.isArray(value) && value.every((item) => typeof item === "string")
    ? undefined
    : "must be a list of strings";

const stringMap: Rule = (value) =>
  isObject(value) && Object.values(value).every((item) => typeof item === "string")
    ? undefined
    : "must be an object of strings";

/** As dockerd checks them: a scheme and a host, no query, no fragment, no credentials. */
const mirrors: Rule = (value) => {
  const wrong = strings(value);
  if (wrong !== undefined) return wrong;
  for (const text of value as string[]) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url?.protocol !== "http:" && url?.protocol !== "https:") {
      return `has an invalid mirror "${text}": it must be an http:// or https:// URL`;
    }
    if (url.username !== "" || url.search !== "" || url.hash !== "") {
      return `has an invalid mirror "${url.origin}": user information, query and fragment are not allowed`;
    }
  }
  return undefined;
};

const address: Rule = (value) =>
  typeof value === "string" && process.getBuiltinModule("node:net").isIP(value) !== 0
    ? undefined
    : "must be an IP address";

const logDriver: Rule = (value) =>
  value === "json-file" || value === "none" ? undefined : 'must be "json-file" or "none"';

const addressPools: Rule = (value) =>
  Array.isArray(value) &&
  value.every((pool) => isObject(pool) && typeof pool.base === "string" && Number.isInteger(pool.size))
    ? undefined
    : 'must be a list of {"base": CIDR, "size": prefix length}';

const ulimits: Rule = (value) => {
  const isLimit = (item: unknown) =>
    isObject(item) &&
    typeof item.Name === "string" &&
    Number.isInteger(item.Soft) &&
    Number.isInteger(item.Hard);
  return isObject(value) && Object.values(value).every(isLimit)
    ? undefined
    : 'must be an object of {"Name", "Soft", "Hard"}';
};

const proxyKeys = new Set(["http-proxy", "https-proxy", "no-proxy"]);
const proxies: Rule = (value) => {
  if (stringMap(value) !== undefined) return stringMap(value);
  const unknown = Object.keys(value as object).find((key) => !proxyKeys.has(key));
  return unknown === undefined ? undefined : `has an unknown key "${unknown}"`;
};

/** As dockerd takes it: no spaces, and at most one colon with something on both of its sides. */
const remap: Rule = (value) =>
  typeof value === "string" && /^(?:[^\s:]+(?::[^\s:]+)?)?$/.test(value)
    ? undefined
    : 'must be "default", "USER" or "USER:GROUP"';

export const rules: Readonly<Record<keyof Config, Rule>> = {
  "registry-mirrors": mirrors,
  "insecure-registries": strings,
  "data-root": string,
  "log-driver": logDriver,
  "log-opts": stringMap,
  "default-address-pools": addressPools,
  ip: address,
  dns: strings,
  "dns-search": strings,
  "dns-opts": strings,
  "default-ulimits": ulimits,
  "seccomp-profile": string,
  "userns-remap": remap,
  proxies,
  "auth-file": string,
  "certs-dir": string,
};
