// Builds dist/:
//   cli.cjs            what bin/tsrun starts (src/cli/boot.cjs)
//   main.cjs           the command line as one file of chunks (bundle-chunks.mjs)
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
import { bundleChunks } from "./bundle-chunks.mjs";

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

// Every command reads the whole file: long names are a third of it, and 2 ms. `node src/cli/entry.ts` has them.
const minified = { minifySyntax: true, minifyWhitespace: true, minifyIdentifiers: true };

const inCommonjs = {
  // koffi is a native module: kernel/ffi.ts loads it from node_modules, which is found from dist/ too.
  external: ["koffi"],
  define: { ...common.define, "import.meta.url": "__importMetaUrl" },
};

const commonjs = {
  ...common,
  ...minified,
  ...inCommonjs,
  format: "cjs",
  banner: { js: 'const __importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
};

const VENDORED = ["dns-packet", "https-proxy-agent", "node-fetch", "pino", "tar", "yargs"];

/** Leaves the packages out of main.cjs, to be required from vendor/. No module of ours does anything when loaded. */
const vendored = {
  name: "vendored",
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^\.\.?\// }, async ({ path, pluginData, ...where }) =>
      pluginData === vendored
        ? undefined
        : { ...(await resolve(path, { ...where, pluginData: vendored })), sideEffects: false },
    );
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

/** A command line, which is loaded as a whole: `tsrun` and its other face. */
const face = {
  ...common,
  ...inCommonjs,
  plugins: [vendored],
  outdir: dist,
  transformOptions: { ...minified, target: common.target, supported: { "dynamic-import": false } },
};

const builds = [
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
const [mainFace, ociFace, ...others] = await Promise.all([
  bundleChunks({ ...face, entryPoints: ["./src/cli/entry.ts"] }),
  bundleChunks({ ...face, entryPoints: ["./src/cli/oci/entry.ts"] }),
  ...builds.map((options) => build(options)),
]);
writeFileSync(join(dist, "main.cjs"), mainFace.code);
writeFileSync(join(dist, "oci.main.cjs"), ociFace.code);
for (const boot of ["cli.cjs", "oci.cjs"]) copyFileSync(join(root, "src/cli/boot.cjs"), join(dist, boot));
// Code of the bundles that were there before.
rmSync(join(dist, "cache"), { recursive: true, force: true });
if (!process.argv.includes("--no-types")) emitTypes();
if (process.argv.includes("--analyze")) {
  for (const { metafile } of [mainFace, ociFace, ...others]) console.log(await analyzeMetafile(metafile));
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
