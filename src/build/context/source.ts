/** What a word of a command line, or of --build-context, says of where files come from. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { TsrunError } from "../../errors.ts";
import type { ContextSource } from "../types.ts";
import { isGitUrl } from "./git-url.ts";

/** An image, of which a named context takes its files. */
export interface ImageSource {
  readonly kind: "image";
  readonly reference: string;
}

const IMAGE = "docker-image://";

/**
 * PATH, URL or git repository; a directory that exists comes before all else that its name could mean, as with docker.
 * "-" is the caller's, who has the stream. Throws ERR_TSRUN_CONTEXT_INVALID.
 */
export function contextSource(text: string, cwd: string): ContextSource {
  const path = resolve(cwd, text);
  const found = text === "" ? undefined : statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) return { kind: "directory", path };
  if (isGitUrl(text)) return { kind: "git", url: text };
  if (/^https?:\/\//i.test(text)) return { kind: "url", url: text };
  throw new TsrunError(
    "ERR_TSRUN_CONTEXT_INVALID",
    found === undefined ? `path "${text}" not found` : `path "${text}" is not a directory`,
    {
      hint: found?.isFile()
        ? `the last argument is the directory whose files are the context; name a Dockerfile with -f ${text}, or send an archive: - < ${text}`
        : "the last argument is a directory, a URL, a git repository, or - for standard input",
      exitCode: 1,
    },
  );
}

/** The value of --build-context NAME=VALUE: a context, or docker-image://REFERENCE. */
export function namedContextSource(text: string, cwd: string): ContextSource | ImageSource {
  if (text.startsWith(IMAGE)) return { kind: "image", reference: text.slice(IMAGE.length) };
  return contextSource(text, cwd);
}
