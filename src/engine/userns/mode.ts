/** What user namespace a container is to have (--userns, and the key userns-remap), and what does not go with one. */
import type { Config } from "../../config.ts";
import { TsrunError } from "../../errors.ts";
import { isRootless } from "../../kernel/rootless.ts";
import { sharesHostNetwork } from "../network-mode.ts";
import type { ContainerOptions } from "../types.ts";

/**
 * - host: none of its own.
 * - remap: the subordinate ids of the user that userns-remap names, the same for all containers.
 * - auto: a range that no other container has; without a size, one that the image's users fit into.
 * - keep-id: every id is itself, and root may do nothing to what is not the container's.
 */
export type UserNamespaceMode =
  | { kind: "host" | "remap" | "keep-id" }
  | { kind: "auto"; size: number | undefined };

const MAX_SIZE = 2 ** 31;

/** Parses the value of --userns; throws ERR_TSRUN_USERNS_INVALID. */
export function parseUserNamespace(text: string): UserNamespaceMode {
  const [kind = "", options] = splitOnce(text, ":");
  if (kind === "auto") return { kind, size: options === undefined ? undefined : sizeOf(text, options) };
  if ((kind === "host" || kind === "remap" || kind === "keep-id") && options === undefined) return { kind };
  throw invalid(text, "known are host, remap, auto, auto:size=N and keep-id");
}

/** What a container with these options gets; throws ERR_TSRUN_USERNS_INVALID. */
export function userNamespaceMode(config: Config, { userns }: ContainerOptions): UserNamespaceMode {
  if (userns !== undefined && userns !== "") return parseUserNamespace(userns);
  return { kind: config["userns-remap"] === "" ? "host" : "remap" };
}

/** Throws ERR_TSRUN_USERNS_INVALID, _UNSUPPORTED and ERR_TSRUN_OPTION_CONFLICT; looks at no file. */
export function validateUserNamespace(config: Config, options: ContainerOptions): void {
  if (userNamespaceMode(config, options).kind === "host") return;
  if (isRootless()) {
    throw new TsrunError(
      "ERR_TSRUN_USERNS_UNSUPPORTED",
      "an ordinary user's containers are in the user's own namespace already, and the kernel maps the owners of files for the host's root only",
      {
        hint: "leave --userns and userns-remap out: root in your containers is you, and nobody else, already",
      },
    );
  }
  if (options.privileged) {
    throw conflict(
      "privileged mode is incompatible with user namespaces. You must run the container in the host namespace when running privileged mode",
    );
  }
  if (sharesHostNetwork(options)) {
    throw conflict("cannot share the host's network namespace when user namespaces are enabled");
  }
}

function conflict(message: string): TsrunError {
  return new TsrunError("ERR_TSRUN_OPTION_CONFLICT", message, {
    hint: "--userns=host gives this container the host's users",
  });
}

function sizeOf(text: string, options: string): number {
  const [key, value] = splitOnce(options, "=");
  if (key !== "size" || !/^\d+$/.test(value ?? "")) throw invalid(text, "the one option of auto is size=N");
  const size = Number(value);
  if (size < 1 || size > MAX_SIZE) throw invalid(text, `a size is from 1 to ${MAX_SIZE}`);
  return size;
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function invalid(text: string, hint: string): TsrunError {
  return new TsrunError("ERR_TSRUN_USERNS_INVALID", `invalid USER mode: --userns=${text}`, { hint });
}
