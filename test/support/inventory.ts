/** What is in a tree of files, to compare two. */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { getXattr, listXattrs } from "../../src/kernel/xattr.ts";

export type Inventory = Record<string, Record<string, unknown>>;

/** Everything that can be known of a tree's files but what reading changes, by their paths: byte strings from ".". */
export function inventory(root: string): Inventory {
  const found: Inventory = {};
  const firstLinks = new Map<bigint, string>();
  const visit = (path: Buffer, name: string) => {
    const stat = lstatSync(path, { bigint: true });
    if (!firstLinks.has(stat.ino)) firstLinks.set(stat.ino, name);
    found[name] = {
      mode: Number(stat.mode).toString(8),
      owner: `${stat.uid}:${stat.gid}`,
      mtime: stat.mtimeNs,
      ...(stat.isDirectory() ? {} : { links: stat.nlink, sameAs: firstLinks.get(stat.ino) }),
      ...(stat.isFile()
        ? { size: stat.size, sum: createHash("sha1").update(readFileSync(path)).digest("hex") }
        : {}),
      ...(stat.isSymbolicLink() ? { target: readlinkSync(path, "latin1") } : {}),
      ...(stat.isCharacterDevice() || stat.isBlockDevice() ? { device: stat.rdev } : {}),
      xattrs: Object.fromEntries(
        listXattrs(path)
          .sort()
          .map((key) => [key, getXattr(path, key)?.toString("hex")]),
      ),
    };
    if (!stat.isDirectory()) return;
    for (const child of readdirSync(path, { encoding: "buffer" }).sort(Buffer.compare)) {
      visit(Buffer.concat([path, Buffer.from("/"), child]), `${name}/${child.toString("latin1")}`);
    }
  };
  visit(Buffer.from(root), ".");
  return found;
}

/** "PATH FIELD: ONE, not OTHER" for every difference; a field is "entry" where one tree has no such file. */
export function differences(one: Inventory, other: Inventory): string[] {
  const show = (value: unknown) =>
    JSON.stringify(value, (_, part) => (typeof part === "bigint" ? String(part) : part)) ?? "nothing";
  const paths = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
  return paths.flatMap((path) => {
    const [a, b] = [one[path], other[path]];
    if (a === undefined || b === undefined)
      return [`${JSON.stringify(path)} entry: ${show(a)}, not ${show(b)}`];
    const fields = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    return fields
      .filter((field) => show(a[field]) !== show(b[field]))
      .map((field) => `${JSON.stringify(path)} ${field}: ${show(a[field])}, not ${show(b[field])}`);
  });
}
