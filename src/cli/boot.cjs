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

// Compiled code is kept between runs; where the folder cannot be written, node goes on without. What is kept is what the
// first run has compiled, so the commands that have to be fast have a folder each: `run` would else compile its own
// functions every time, because `--version` came first and needed none of them.
const [, , command] = process.argv;
const folder = command === "run" || command === "exec" ? command : "other";
require("node:module").enableCompileCache(require("node:path").join(__dirname, "cache", folder));
require("./main.cjs");
