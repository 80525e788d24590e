/** What a registry answers when it refuses a push, and how that reads to a user. */
import { TsrunError } from "../errors.ts";
import type { StatusError, Subject } from "./registry-error.ts";

/** Undefined for what reads the same whatever was asked: rate limits, a registry that fails. */
export function explainPushStatus(error: StatusError, subject: Subject): TsrunError | undefined {
  const { status, registryCode: code, registryMessage } = error;
  const { name, repository, registry, note } = subject;
  const said = registryMessage || `${registry} answered ${status}`;
  const make = (errorCode: `ERR_TSRUN_${string}`, message: string, hint: string) =>
    new TsrunError(errorCode, message, {
      hint: note === undefined ? hint : `${hint}; ${note}`,
      cause: error,
    });

  if (code === "TOOMANYREQUESTS" || status === 429) return undefined;
  if (code === "UNAUTHORIZED" || status === 401) {
    return make(
      "ERR_TSRUN_PUSH_UNAUTHORIZED",
      `unauthorized: ${registryMessage || "authentication required"} (push to ${repository})`,
      `log in to ${registry}: tsrun login ${registry}`,
    );
  }
  if (status === 413 || status === 507 || code === "SIZE_INVALID") {
    return make(
      "ERR_TSRUN_PUSH_TOO_LARGE",
      `${registry} does not take so much: ${said}`,
      status === 507
        ? "its storage or your quota is full"
        : "a proxy in front of it limits requests (nginx: client_max_body_size), or the registry limits images",
    );
  }
  if (code === "DENIED" || status === 403) {
    return make(
      "ERR_TSRUN_PUSH_DENIED",
      `push access denied for ${repository}: ${registryMessage || "requested access to the resource is denied"}`,
      `check the repository's name; its owner has to let you write to it, and ${registry} has to know who you are (tsrun login)`,
    );
  }
  if (status === 405) {
    return make(
      "ERR_TSRUN_REGISTRY_READ_ONLY",
      `${registry} takes no pushes: ${said}`,
      "it is read-only: a mirror, a pull-through cache, or in maintenance",
    );
  }
  if (code === "NAME_UNKNOWN" || code === "NAME_INVALID") {
    return make(
      "ERR_TSRUN_PUSH_NAME_UNKNOWN",
      `${registry} has no repository for ${name}: ${said}`,
      "check the name; some registries want a repository or project to be made before the first push",
    );
  }
  if (status >= 400 && status < 500) {
    return make(
      "ERR_TSRUN_PUSH_REFUSED",
      `${registry} refuses ${name}: ${said}`,
      "the registry's log may say more; old registries do not know OCI images, zstd layers or indexes",
    );
  }
  return undefined;
}
