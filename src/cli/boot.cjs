// The first file that node loads, written so that any version of node can read it.
// CommonJS, because an ES module as the entry costs 8 ms of start-up (node 24).
"use strict";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 15)) {
  process.stderr.write(
    `tsrun: node ${process.versions.node} is too old: tsrun needs 22.15 or newer\nhint: scripts/setup installs one beside tsrun\n`,
  );
  process.exit(125);
}

const fs = require("node:fs");
const { pathToFileURL } = require("node:url");
const { Script } = require("node:vm");
const { basename, join } = require("node:path");

// This file is there twice, for each of the two faces: cli.cjs and oci.cjs.
const face = basename(__filename) === "oci.cjs" ? "oci" : "main";
// A function expression, in ASCII, that returns a list of functions: the chunks of scripts/bundle-chunks.mjs.
const file = join(__dirname, face === "oci" ? "oci.main.cjs" : "main.cjs");
const LIST = /\nreturn [[{]\n/;

const cache = join(__dirname, "cache");
// V8 recognizes its version and its flags, but takes any source of the same length for the one that was compiled.
const fingerprint = `${process.version}-${process.arch}-${Math.round(fs.statSync(file).mtimeMs).toString(36)}`;
/** What a file of the cache begins with; then come the lengths of the code and of the source, and both. */
const MAGIC = "tsrun 1\n";
const HEADER = 16;

const url = pathToFileURL(file).href;
const loaded = [];
const later = async (index) => need(index);

// A command needs a quarter of the chunks. These are kept, as compiled as they were when the command ended. node's own
// cache has a file as compiled as it was when it was loaded, without the functions that are called later: they took
// 8 ms of each `exec`.
const command = commandWord(process.argv.slice(2));
const ownPath = command && join(cache, `${command}-${fingerprint}`);
// What few calls of the command need lies apart: a build that finds everything in its cache needs half of the others.
const morePath = ownPath && `${ownPath}-more`;
const own = ownPath && openKept(ownPath);
/** How many of its chunks were called. */
let called = 0;
let more;
let whole;
if (ownPath) process.once("exit", (exitCode) => hasNews() && keep(exitCode));
need(0);

/** What a chunk exports. */
function need(index) {
  if (!(index in loaded)) loaded[index] = chunk(index)();
  return loaded[index];
}

function chunk(index) {
  if (own?.chunks[index]) {
    called += 1;
    return own.chunks[index];
  }
  if (own && whole === undefined) more ??= openKept(morePath);
  return more?.chunks[index] ?? openWhole().chunks[index];
}

function openKept(path) {
  const kept = read(path);
  if (kept === undefined) return undefined;
  try {
    return compile(kept, path);
  } catch {
    return undefined; // it is not what was written
  }
}

/** All chunks, none of them compiled: V8 needs but to know where each begins and ends, which takes 25 ms to find out. */
function openWhole() {
  if (whole !== undefined) return whole;
  const path = join(cache, `${basename(file)}-${fingerprint}`);
  const kept = read(path);
  const source = fs.readFileSync(file, "latin1");
  whole = compile({ source, code: kept?.code }, file);
  if (!whole.isCompiled) write(path, { source: "", code: whole.script.createCachedData() });
  return whole;
}

function compile({ source, code }, filename) {
  const script = new Script(source, { filename, cachedData: code });
  return {
    source,
    code,
    script,
    isCompiled: code !== undefined && !script.cachedDataRejected,
    chunks: script.runInThisContext()(need, later, load, url),
  };
}

/** Packages of vendor/, which few commands need, are kept compiled by node itself. */
function load(name) {
  if (name.startsWith("./vendor/")) keepPackages();
  return require(name);
}

function keepPackages() {
  const { enableCompileCache, flushCompileCache, getCompileCacheDir } = require("node:module");
  if (getCompileCacheDir() !== undefined) return;
  enableCompileCache(cache);
  process.once("exit", () => flushCompileCache());
}

/** What the command's chunks are called; the OCI interface's flags with values stand before its commands. */
function commandWord(words) {
  if (face === "main") return /^[a-z]+$/.test(words[0] ?? "") ? words[0] : undefined;
  const verb = words.find((word) =>
    /^(create|start|run|state|kill|delete|exec|list|update|events|ps)$/.test(word),
  );
  return verb && `oci-${verb}`;
}

// Once is not enough: `run -d` calls other functions than `run -it`. What was kept stays, so the looks add up.
const LOOK_EVERY = 32;

/** Whether there may be anything to keep, which each command asks and few affirm. */
function hasNews() {
  if (whole || !own.isCompiled || more?.isCompiled === false || process.pid % LOOK_EVERY === 0) return true;
  return called < Object.keys(own.chunks).length * MOST;
}

/**
 * Of a command that did its work: a failed one, or its help, has not called what is to be fast. The first time, and when
 * it needed others than before, its chunks are kept; when they have served, their code.
 */
function keep(exitCode) {
  if (exitCode !== 0 || process.argv.includes("--help")) return;
  const missing = Object.keys(loaded).filter((index) => !own?.chunks[index] && !more?.chunks[index]);
  if (missing.length > 0) {
    const [path, kept] = more ? [morePath, more] : [ownPath, own];
    writeChunks(path, { ...kept?.chunks, ...pick(whole.chunks, missing) });
  } else if (!divide()) {
    const isLook = process.pid % LOOK_EVERY === 0;
    keepCode(ownPath, own, isLook);
    if (more) keepCode(morePath, more, isLook);
  }
}

/** A call that needs more of the chunks leaves nothing that is worth a file of its own. */
const MOST = 3 / 4;

/** Lays apart what this call did not need, once. One that needs less than a third is of another kind, as --check is. */
function divide() {
  const indexes = Object.keys(own.chunks);
  const rest = indexes.filter((index) => !(index in loaded));
  if (rest.length <= indexes.length * (1 - MOST) || rest.length > (indexes.length * 2) / 3) return false;
  if (more || fs.existsSync(morePath)) return false;
  writeChunks(morePath, pick(own.chunks, rest));
  // Last: what is not in there is looked for in the other.
  writeChunks(
    ownPath,
    pick(
      own.chunks,
      indexes.filter((index) => index in loaded),
    ),
  );
  return true;
}

function keepCode(path, { script, source, code, isCompiled }, isLook) {
  if (isCompiled && !isLook) return;
  const now = script.createCachedData();
  if (!isCompiled || now.length > code.length * 1.01) write(path, { source, code: now });
}

const pick = (chunks, indexes) => Object.fromEntries(indexes.map((index) => [index, chunks[index]]));

function writeChunks(path, chunks) {
  const { source } = own ?? whole;
  const list = Object.entries(chunks).map(([index, code]) => `${index}:${code}`);
  write(path, {
    source: `${source.slice(0, source.search(LIST))}\nreturn {\n${list.join(",\n")}\n}})\n`,
    code: Buffer.alloc(0),
  });
}

function read(path) {
  let bytes;
  try {
    bytes = fs.readFileSync(path);
  } catch {
    return undefined;
  }
  if (bytes.length < HEADER || bytes.latin1Slice(0, MAGIC.length) !== MAGIC) return undefined;
  const end = HEADER + bytes.readUInt32LE(8);
  if (bytes.length !== end + bytes.readUInt32LE(12)) return undefined;
  return { code: end > HEADER ? bytes.subarray(HEADER, end) : undefined, source: bytes.latin1Slice(end) };
}

function write(path, { source, code }) {
  const header = Buffer.alloc(HEADER);
  header.write(MAGIC, "latin1");
  header.writeUInt32LE(code.length, 8);
  header.writeUInt32LE(source.length, 12);
  const temporary = `${path}.${process.pid}`;
  try {
    fs.mkdirSync(cache, { recursive: true });
    // Durable before it has its name: V8 does not look into what it is given (a power failure may leave zeros).
    fs.writeFileSync(temporary, Buffer.concat([header, code, Buffer.from(source, "latin1")]), {
      flush: true,
    });
    fs.renameSync(temporary, path);
  } catch {
    fs.rmSync(temporary, { force: true }); // where the folder cannot be written, it goes without
  }
}
