import { check } from "./errors.ts";
import { libc } from "./libc.ts";

const getrandom = libc("long getrandom(_Out_ uint8_t *buf, size_t buflen, unsigned int flags)");

/** Random bytes from the kernel, getrandom(2); at most 256, which come in one piece. */
export function randomBytes(count: number): Buffer {
  const bytes = Buffer.alloc(count);
  check("getrandom", () => getrandom(bytes, count, 0));
  return bytes;
}
