/** `--cidfile`: a file that holds the container's id. */
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { TsrunError } from "../errors.ts";

export interface Cidfile {
  write(id: string): void;
  /** Removes the file where no id was written. */
  close(): void;
}

/** Creates the file, before the container: of two runs with one file only one starts. Throws ERR_TSRUN_CIDFILE. */
export function reserveCidfile(path: string): Cidfile {
  const fd = create(path);
  let written = false;
  return {
    write(id) {
      writeSync(fd, id);
      written = true;
    },
    close() {
      closeSync(fd);
      if (!written) rmSync(path, { force: true });
    },
  };
}

function create(path: string): number {
  try {
    return openSync(path, "wx", 0o644);
  } catch (cause) {
    const exists = (cause as NodeJS.ErrnoException).code === "EEXIST";
    const message = exists
      ? `container ID file found, make sure the other container isn't running or delete ${path}`
      : `failed to create the container ID file: ${(cause as Error).message}`;
    throw new TsrunError("ERR_TSRUN_CIDFILE", message, { cause });
  }
}
