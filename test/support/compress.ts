/** Bytes as other tools compress them. */
import { execFileSync } from "node:child_process";

const through =
  (program: string) =>
  (bytes: Uint8Array): Buffer =>
    execFileSync(program, ["-c"], { input: bytes, maxBuffer: 1 << 30 });

export const gzip = through("gzip");
export const zstd = through("zstd");
export const xz = through("xz");
export const bzip2 = through("bzip2");
