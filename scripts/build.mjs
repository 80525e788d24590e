// Builds dist/:
//   cli.cjs            what bin/tsrun starts (src/cli/boot.cjs)
//   main.cjs           the command line as one CommonJS file; import() in the source stays lazy in it
//   oci.cjs            what bin/tsrun-oci starts (the same), and oci.main.cjs, the OCI interface
//   vendor/*.cjs       the packages that it loads lazily: half of the code, which few commands need
//   *-worker.cjs       the entries of worker threads (src/**/*-worker.ts)
//   index.js, types/   the library
// `--analyze` prints what each bundle is made of; `--no-types` leaves types/ as it is.
import { spawnSync } from "node:child_process";
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { analyzeMetafile, build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: "node22",
  define: { TSRUN_VERSION: JSON.stringify(version) },
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
};

const commonjs = {
  ...common,
  format: "cjs",
  minifySyntax: true,
  minifyWhitespace: true,
  // Every command reads the whole file: long names are a third of it, and 2 ms. `node src/cli/entry.ts` has them.
  minifyIdentifiers: true,
  // koffi is a native module: kernel/ffi.ts loads it from node_modules, which is found from dist/ too.
  external: ["koffi"],
  define: { ...common.define, "import.meta.url": "__importMetaUrl" },
  banner: { js: 'const __importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
};

const VENDORED = ["dns-packet", "https-proxy-agent", "node-fetch", "pino", "tar", "yargs"];

/** Leaves the packages out of main.cjs, to be required from vendor/. */
const vendored = {
  name: "vendored",
  setup({ onResolve }) {
    onResolve({ filter: new RegExp(`^(${VENDORED.join("|")})$`) }, ({ path }) => ({
      path: `./vendor/${path}.cjs`,
      external: true,
    }));
  },
};

// To code of a "type": "module" package, `default` is all that a CommonJS file exports, as in node: a default export
// has to carry the named ones.
const INTEROP =
  "if (module.exports.default) module.exports = Object.assign(module.exports.default, module.exports);";

const builds = [
  {
    ...commonjs,
    supported: { "dynamic-import": false },
    plugins: [vendored],
    entryPoints: ["./src/cli/entry.ts"],
    outfile: join(dist, "main.cjs"),
  },
  {
    ...commonjs,
    supported: { "dynamic-import": false },
    entryPoints: ["./src/cli/oci/entry.ts"],
    outfile: join(dist, "oci.main.cjs"),
  },
  ...VENDORED.map((name) => ({
    ...commonjs,
    footer: { js: INTEROP },
    entryPoints: [name],
    outfile: join(dist, "vendor", `${name}.cjs`),
  })),
  ...globSync("src/**/*-worker.ts", { cwd: root }).map((entry) => ({
    ...commonjs,
    entryPoints: [`./${entry}`],
    outfile: join(dist, basename(entry).replace(/\.ts$/, ".cjs")),
  })),
  {
    ...common,
    format: "esm",
    packages: "external",
    entryPoints: ["./src/index.ts"],
    outfile: join(dist, "index.js"),
  },
];

mkdirSync(dist, { recursive: true });
const results = await Promise.all(builds.map((options) => build(options)));
for (const [face, boot] of [
  ["main.cjs", "cli.cjs"],
  ["oci.main.cjs", "oci.cjs"],
]) {
  toAscii(join(dist, face));
  copyFileSync(join(root, "src/cli/boot.cjs"), join(dist, boot));
}
// Code of the bundles that were there before.
rmSync(join(dist, "cache"), { recursive: true, force: true });
if (!process.argv.includes("--no-types")) emitTypes();
if (process.argv.includes("--analyze")) {
  for (const { metafile } of results) console.log(await analyzeMetafile(metafile));
}

/** For boot.cjs, which reads it as such; esbuild leaves what regular expressions contain as it is. */
function toAscii(file) {
  const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  writeFileSync(file, readFileSync(file, "utf8").replaceAll(/[\u0080-\uffff]/g, escaped));
}

function emitTypes() {
  const tsc = join(root, "node_modules/.bin/tsc");
  const { status } = spawnSync(process.execPath, [tsc, "-p", join(root, "scripts/tsconfig.types.json")], {
    stdio: "inherit",
  });
  if (status !== 0) {
    console.error("build: the declarations in dist/types have errors");
    process.exitCode = 1;
  }
}
