/** Which file is the Dockerfile, and which says what of the context is not to be seen. */
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { TsrunError } from "../../errors.ts";
import { openInRoot } from "../../kernel/openat2.ts";

export interface TextFile {
  /** For messages: as the user would name it. */
  readonly name: string;
  readonly text: string;
}

export interface DockerfileSource {
  readonly file: TextFile;
  /** Where it is, for the ignore file beside it; undefined where it is no file. */
  readonly path: string | undefined;
}

/** Docker takes the second where there is no first. */
const NAMES = ["Dockerfile", "dockerfile"];
const IGNORE_FILE = ".dockerignore";

/** The Dockerfile of a context of which nothing else was said. */
export function defaultDockerfile(directory: string): DockerfileSource {
  for (const name of NAMES) {
    const text = readBelow(directory, name);
    if (text !== undefined) return { file: { name, text }, path: join(directory, name) };
  }
  throw notFound(join(directory, "Dockerfile"), `neither ${NAMES.join(" nor ")} is in the context`);
}

/** -f of a directory of the user's: relative to where the user is, or else to the context. */
export function dockerfileAnywhere(directory: string, name: string): DockerfileSource {
  const places = isAbsolute(name) ? [name] : [resolve(name), join(directory, name)];
  for (const path of places) {
    const text = read(path, () => readFileSync(path, "utf8"));
    if (text !== undefined) return { file: { name, text }, path };
  }
  throw notFound(name, `looked for ${[...new Set(places)].join(" and ")}`);
}

/** -f of an archive or a repository: a path in it, which leads to no file of this host. */
export function dockerfileBelow(directory: string, name: string): DockerfileSource {
  const text = readBelow(directory, name);
  if (text !== undefined) return { file: { name, text }, path: join(directory, name) };
  throw notFound(name, "the path is looked for in the context");
}

/** NAME.dockerignore beside the Dockerfile, or .dockerignore of the context. */
export function ignoreFileOf(directory: string, dockerfile: string | undefined): TextFile | undefined {
  if (dockerfile !== undefined) {
    const path = `${dockerfile}${IGNORE_FILE}`;
    const isInside = path.startsWith(`${directory}/`);
    const text = isInside
      ? readBelow(directory, path.slice(directory.length + 1))
      : read(path, () => readFileSync(path, "utf8"));
    if (text !== undefined) return { name: path, text };
  }
  const text = readBelow(directory, IGNORE_FILE);
  return text === undefined ? undefined : { name: IGNORE_FILE, text };
}

/** A file of the context, resolved inside it; undefined where there is none. */
function readBelow(directory: string, path: string): string | undefined {
  return read(join(directory, path), () => {
    const root = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      const fd = openInRoot(root, path);
      try {
        return readFileSync(fd, "utf8");
      } finally {
        closeSync(fd);
      }
    } finally {
      closeSync(root);
    }
  });
}

function read(path: string, act: () => string): string | undefined {
  try {
    return act();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    const reason = code === "EISDIR" ? "is a directory" : (code ?? (error as Error).message);
    throw new TsrunError(
      "ERR_TSRUN_DOCKERFILE_NOT_FOUND",
      `failed to read dockerfile: open ${path}: ${reason}`,
      {
        hint: "name a readable file with -f",
        cause: error,
      },
    );
  }
}

function notFound(path: string, looked: string): TsrunError {
  return new TsrunError(
    "ERR_TSRUN_DOCKERFILE_NOT_FOUND",
    `failed to read dockerfile: open ${path}: no such file or directory`,
    { hint: `${looked}; name another one with -f` },
  );
}
