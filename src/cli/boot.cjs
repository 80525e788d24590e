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
const { Script } = require("node:vm");
const { basename, join } = require("node:path");

const cache = join(__dirname, "cache");
// The command line itself is kept as compiled as it was when the command ended. node's own cache has a file as compiled
// as it was when it was loaded, without the functions that are called later: they took 8 ms of each `exec`.
// This file is there twice, for each of the two faces: cli.cjs and oci.cjs.
const face = basename(__filename) === "oci.cjs" ? "oci" : "main";
const file = join(__dirname, face === "oci" ? "oci.main.cjs" : "main.cjs");
const source = fs.readFileSync(file, "latin1"); // a function expression, in ASCII
const command = commandWord(process.argv.slice(2));
const path = command !== undefined && join(cache, `${command}-${fingerprint()}`);
const kept = read(path);
const script = new Script(source, { filename: file, cachedData: kept });
// Once is not enough: `run -d` calls other functions than `run -it`. What was kept stays, so the looks add up.
const LOOK_EVERY = 32;
const isUsed = kept !== undefined && !script.cachedDataRejected;
if (path && (!isUsed || process.pid % LOOK_EVERY === 0)) process.on("exit", keep);
const main = { exports: {} };
script.runInThisContext().call(main.exports, main.exports, load, main, file, __dirname);

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

/** What the command's compiled code is called; the OCI interface's flags with values stand before its commands. */
function commandWord(words) {
  if (face === "main") return /^[a-z]+$/.test(words[0] ?? "") ? words[0] : undefined;
  const verb = words.find((word) =>
    /^(create|start|run|state|kill|delete|exec|list|update|events|ps)$/.test(word),
  );
  return verb && `oci-${verb}`;
}

/** V8 recognizes its version and its flags, but takes any source of the same length for the one that was compiled. */
function fingerprint() {
  return `${process.version}-${process.arch}-${Math.round(fs.statSync(file).mtimeMs).toString(36)}`;
}

function read(path) {
  try {
    return path ? fs.readFileSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/** Of a command that did its work: a failed one, or its help, has not called what is to be fast. */
function keep(exitCode) {
  if (exitCode !== 0 || process.argv.includes("--help")) return;
  const data = script.createCachedData();
  if (isUsed && data.length < kept.length * 1.01) return;
  const temporary = `${path}.${process.pid}`;
  try {
    fs.mkdirSync(cache, { recursive: true });
    // Durable before it has its name: V8 does not look into what it is given (a power failure may leave zeros).
    fs.writeFileSync(temporary, data, { flush: true });
    fs.renameSync(temporary, path);
  } catch {
    fs.rmSync(temporary, { force: true }); // where the folder cannot be written, it goes without
  }
}
