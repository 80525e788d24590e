/**
 * Who a process runs as: `user[:group]` looked up in the container's own /etc/passwd and /etc/group, which say
 * something else than the host's. The files are given as text, undefined where the image has none.
 */
import { TsrunError } from "../errors.ts";

export interface ResolvedUser {
  uid: number;
  gid: number;
  /** Supplementary groups, the primary one first: without it a setgid(2) could shed a restriction (CVE-2022-36109). */
  additionalGids: number[];
  /** Home directory, "/" for a user that /etc/passwd does not know. */
  home: string;
}

/** The container's account files. */
export interface AccountFiles {
  passwd: string | undefined;
  group: string | undefined;
}

interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

interface GroupEntry {
  name: string;
  gid: number;
  members: string[];
}

/** uid_t has 32 bits, but Docker and the images made for it use 31. */
const MAX_ID = 2 ** 31 - 1;

/**
 * Resolves `user[:group]`, names or numbers, "" being root. A number needs no entry: its group is then 0. Groups of
 * /etc/group that list the user are added unless a group is named; `groupAdd` holds further names or numbers.
 * Throws ERR_TSRUN_USER_NOT_FOUND, ERR_TSRUN_GROUP_NOT_FOUND or ERR_TSRUN_USER_INVALID.
 */
export function resolveUser(
  spec: string,
  files: AccountFiles,
  groupAdd: readonly string[] = [],
): ResolvedUser {
  const colon = spec.indexOf(":");
  const userPart = colon === -1 ? spec : spec.slice(0, colon);
  const groupPart = colon === -1 ? "" : spec.slice(colon + 1);

  const account = findUser(userPart, files.passwd);
  const groups = parseGroups(files.group);
  const gid = groupPart === "" ? account.gid : findGroup(groupPart, groups);
  const memberships =
    groupPart === "" && account.name !== ""
      ? groups.filter((group) => group.members.includes(account.name)).map((group) => group.gid)
      : [];
  const added = groupAdd.map((name) => findGroup(name, groups));
  return {
    uid: account.uid,
    gid,
    additionalGids: [...new Set([gid, ...memberships, ...added])],
    home: account.home,
  };
}

function findUser(wanted: string, passwd: string | undefined): PasswdEntry {
  const uid = wanted === "" ? 0 : numericId(wanted);
  const entry = parsePasswd(passwd).find((user) =>
    uid === undefined ? user.name === wanted : user.uid === uid,
  );
  if (entry !== undefined) return entry;
  if (uid !== undefined) return { name: "", uid, gid: 0, home: "/" };
  throw new TsrunError(
    "ERR_TSRUN_USER_NOT_FOUND",
    `unable to find user ${wanted}: no matching entries in passwd file`,
    { hint: "a user name has to exist in the image's /etc/passwd; a number always works" },
  );
}

function findGroup(wanted: string, groups: readonly GroupEntry[]): number {
  const gid = numericId(wanted);
  if (gid !== undefined) return gid;
  const entry = groups.find((group) => group.name === wanted);
  if (entry !== undefined) return entry.gid;
  throw new TsrunError(
    "ERR_TSRUN_GROUP_NOT_FOUND",
    `unable to find group ${wanted}: no matching entries in group file`,
    { hint: "a group name has to exist in the image's /etc/group; a number always works" },
  );
}

/** The number that `text` writes, undefined where it is a name. */
function numericId(text: string): number | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const id = Number(text);
  if (id >= 0 && id <= MAX_ID) return id;
  throw new TsrunError("ERR_TSRUN_USER_INVALID", `${text}: uids and gids must be in range 0-${MAX_ID}`);
}

/** passwd(5): name:password:UID:GID:comment:directory:shell. A line that does not follow it is not an account. */
function parsePasswd(text: string | undefined): PasswdEntry[] {
  return fieldsOf(text).flatMap(([name = "", , uid = "", gid = "", , home = ""]) =>
    isAccount(name, uid) && /^\d+$/.test(gid)
      ? [{ name, uid: Number(uid), gid: Number(gid), home: home || "/" }]
      : [],
  );
}

/** group(5): name:password:GID:member,member. */
function parseGroups(text: string | undefined): GroupEntry[] {
  return fieldsOf(text).flatMap(([name = "", , gid = "", members = ""]) =>
    isAccount(name, gid) ? [{ name, gid: Number(gid), members: members.split(",").filter(Boolean) }] : [],
  );
}

function isAccount(name: string, id: string): boolean {
  return name !== "" && !name.startsWith("#") && /^\d+$/.test(id);
}

function fieldsOf(text: string | undefined): string[][] {
  return (text ?? "").split("\n").map((line) => line.trim().split(":"));
}
