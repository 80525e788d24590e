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

// Compiled code is kept between runs; where the folder cannot be written, node goes on without.
require("node:module").enableCompileCache(require("node:path").join(__dirname, "cache"));
require("./main.cjs");
