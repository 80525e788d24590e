/** The ids that files are made with, setfsuid(2). */
import { checkResult } from "./errors.ts";
import { native } from "./native.ts";

const fsIds = native("int tsrun_fs_ids(unsigned int uid, unsigned int gid)");

/**
 * Does synchronous work whose new files belong to these ids; privileges stay. Only on the thread that calls, and so for
 * nothing else of this process. Throws SyscallError.
 */
export function withFsIds({ uid, gid }: { uid: number; gid: number }, work: () => void): void {
  become(uid, gid);
  try {
    work();
  } finally {
    become(process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
  }
}

function become(uid: number, gid: number): void {
  checkResult("setfsuid", fsIds(uid, gid), String(uid));
}
