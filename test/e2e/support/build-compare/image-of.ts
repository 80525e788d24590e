/**
 * What is in an image, read from the archive that `docker save` and its like have written, by the rules of the image
 * specification and no mount: a tree, the configuration and the history, all as one inventory.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Inventory } from "../../../support/inventory.ts";
import { type ReadEntry, tarEntries } from "../../../support/tar-entries.ts";

/** Times from this one on (Unix seconds) are "now". */
export async function imageOf(archive: string, now: number): Promise<Inventory> {
  const directory = mkdtempSync(`${archive}.`);
  try {
    execFileSync("tar", ["-C", directory, "-xf", archive]);
    const [{ Config, Layers }] = JSON.parse(readFileSync(join(directory, "manifest.json"), "utf8"));
    const layers = (Layers as string[]).map((file) => entriesOf(realpathSync(join(directory, file))));
    const tree = treeOf(await Promise.all(layers), now);
    const document = JSON.parse(readFileSync(join(directory, Config), "utf8"));
    return { ...tree, ...configurationOf(document) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function entriesOf(file: string): Promise<ReadEntry[]> {
  const bytes = readFileSync(file);
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return isGzip
    ? tarEntries(
        (async function* () {
          yield gunzipSync(bytes);
        })(),
      )
    : tarEntries(createReadStream(file));
}

interface Node {
  readonly entry: ReadEntry;
}

/** image-spec layer.md: later layers replace, ".wh." names remove, and only what layers below have. */
function treeOf(layers: readonly ReadEntry[][], now: number): Inventory {
  const nodes = new Map<string, Node>();
  const remove = (path: string, keep: ReadonlySet<string>): void => {
    for (const each of nodes.keys())
      if ((each === path || each.startsWith(`${path}/`)) && !keep.has(each)) nodes.delete(each);
  };
  for (const entries of layers) {
    const own = new Set<string>();
    for (const entry of entries) {
      const path = posix.join("/", entry.name).replace(/(?<=.)\/$/, "");
      const name = posix.basename(path);
      const parent = dirname(path);
      if (name === ".wh..wh..opq") {
        for (const each of [...nodes.keys()])
          if (dirname(each) === parent && !own.has(each)) remove(each, own);
      } else if (name.startsWith(".wh.")) {
        remove(posix.join(parent, name.slice(".wh.".length)), own);
      } else if (path !== "/") {
        const before = nodes.get(path);
        if (before?.entry.type === "directory" && entry.type !== "directory") remove(path, new Set());
        const linked = entry.type === "hardlink" ? nodes.get(posix.join("/", entry.linkname)) : undefined;
        if (entry.type === "hardlink" && linked === undefined)
          throw new Error(`${path} is a link to ${entry.linkname}, which is not there`);
        nodes.set(path, linked ?? { entry });
        own.add(path);
      }
    }
  }
  return describe(nodes, now);
}

function describe(nodes: ReadonlyMap<string, Node>, now: number): Inventory {
  const names = new Map<Node, string[]>();
  for (const path of [...nodes.keys()].sort()) {
    const node = nodes.get(path) as Node;
    names.set(node, [...(names.get(node) ?? []), path]);
  }
  const found: Inventory = {};
  for (const [path, node] of nodes) {
    const { type, mode, uid, gid, mtime, linkname, major, minor, xattrs } = node.entry;
    const links = names.get(node) as string[];
    found[path] = {
      type,
      ...(type === "symlink" ? { target: linkname } : { mode: mode.toString(8) }),
      owner: `${uid}:${gid}`,
      mtime: mtime.seconds >= now ? "now" : mtime.seconds,
      ...(links.length > 1 && { sameAs: links[0] }),
      ...(type === "file" && contentOf(node.entry)),
      ...((type === "char" || type === "block") && { device: `${major}:${minor}` }),
      ...(xattrs && {
        xattrs: [...xattrs].map(([key, value]) => `${key}=${value.toString("hex")}`).sort(),
      }),
    };
  }
  return found;
}

function contentOf({ data, sparse }: ReadEntry): { size: number; sum: string } {
  let bytes = Buffer.from(data, "latin1");
  if (sparse !== undefined) {
    const whole = Buffer.alloc(sparse.size);
    let at = 0;
    for (const { offset, length } of sparse.regions) {
      bytes.copy(whole, offset, at, at + length);
      at += length;
    }
    bytes = whole;
  }
  return { size: bytes.length, sum: createHash("sha1").update(bytes).digest("hex") };
}

interface Document {
  architecture?: string;
  os?: string;
  author?: string;
  config?: Record<string, unknown>;
  history?: Record<string, unknown>[];
}

const isNothing = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === "" ||
  value === false ||
  (typeof value === "object" && Object.keys(value as object).length === 0);

/** Docker's own fields, from when an image was a container that had been committed. */
const OF_CONTAINERS = new Set(["Image", "Hostname"]);

function configurationOf({ architecture, os, author, config = {}, history = [] }: Document): Inventory {
  const found: Inventory = { "(image)": { architecture, os, author: author || undefined } };
  for (const [key, value] of Object.entries(config))
    if (!isNothing(value) && !OF_CONTAINERS.has(key)) found[`(config) ${key}`] = { value: sorted(value) };
  for (const [index, { created_by, empty_layer, comment }] of history.entries())
    found[`(history) ${String(index).padStart(2, "0")}`] = { created_by, empty_layer, comment };
  return found;
}

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
