/** The foreign binary formats that the host's kernel hands to an emulator (admin-guide/binfmt-misc.rst). */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface BinfmtHandler {
  /** Name of the registration: "qemu-aarch64". */
  name: string;
  interpreter: string;
  /** F: the kernel keeps the interpreter open from registration on, so that it also works inside containers. */
  fixed: boolean;
}

/** The enabled registrations; none where binfmt_misc is not mounted. */
export function readBinfmtHandlers(directory = "/proc/sys/fs/binfmt_misc"): BinfmtHandler[] {
  return namesIn(directory).flatMap((name) => {
    const text = readFileSync(join(directory, name), "latin1");
    const interpreter = /^interpreter (.+)$/m.exec(text)?.[1];
    if (interpreter === undefined || !text.startsWith("enabled")) return [];
    return [{ name, interpreter, fixed: /^flags: .*F/m.test(text) }];
  });
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => name !== "register" && name !== "status");
  } catch {
    return [];
  }
}
