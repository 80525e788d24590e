// The command line as a list of chunks. esbuild's ES output is split where the source says import(), and what several
// of those need is a chunk of its own. Here each chunk becomes a function, called when somebody needs it first:
//
//   import { a as b } from "./chunk-X.js"   const { a: b } = need(7)
//   export { b as c }                       return { c: b }
//   import("./run-Y.js")                    later(9)
//
// What a chunk exports is copied: an exported variable that changes later would change for nobody
// (test/unit/house/exports.test.ts).
//
// esbuild's own CommonJS output keeps import() lazy too, but has every function of the program in one scope, made by each
// command. And since a function knows its source, boot.cjs can keep those few chunks that a command needs: main.cjs is read
// by a command once.
import { basename } from "node:path";
import { build, transform } from "esbuild";

/** What main.cjs is: a function that boot.cjs calls, and what stands before the list that it returns, the entry first. */
const HEAD = `(function (need, later, require, __importMetaUrl) {`;
const LIST = "\nreturn [\n";

const EXPORTED = "module.exports=[";

/** Returns the code, in ASCII, and esbuild's account of it; `options` are esbuild's for the one entry point. */
export async function bundleChunks({ transformOptions, ...options }) {
  const { outputFiles, metafile } = await build({
    ...options,
    format: "esm",
    splitting: true,
    write: false,
  });
  const texts = new Map(outputFiles.map(({ path, text }) => [`./${basename(path)}`, text]));
  const entry = `./${basename(options.entryPoints[0]).replace(/\.ts$/, ".js")}`;
  const names = [entry, ...[...texts.keys()].filter((name) => name !== entry)];
  const chunks = names.map((name) => `() => {\n${toFunctionBody(texts.get(name), names)}}`);
  const { code } = await transform(`module.exports = [${chunks.join(",\n")}];\n`, {
    ...transformOptions,
    format: "cjs",
  });
  // Before the list stands what esbuild needs for all of them.
  const at = code.indexOf(EXPORTED);
  if (at < 0 || !code.endsWith("];\n")) throw new Error("esbuild has written the list of chunks otherwise");
  const list = code.slice(at + EXPORTED.length, -"];\n".length);
  return { code: `${HEAD}${toAscii(`${code.slice(0, at)}${LIST}${list}`)}]})\n`, metafile };
}
/** esbuild writes its import and export statements at the beginning of a line, and those of a chunk's own last. */
function toFunctionBody(text, names) {
  const load = (path) => (names.includes(path) ? `need(${names.indexOf(path)})` : `require("${path}")`);
  return text
    .replaceAll(/^import "(.+)";$/gm, (_, path) => `${load(path)};`)
    .replaceAll(/^import (\{[^}]*\}|\* as \w+|\w+) from "(.+)";$/gm, (_, what, path) => {
      const local = what.startsWith("{") ? what.replaceAll(" as ", ": ") : what.replace("* as ", "");
      return `const ${local} = ${load(path)};`;
    })
    .replaceAll(/^export \{([^}]*)\};$/gm, (_, list) => {
      const pairs = list.split(",").map((each) => each.trim().split(" as "));
      return `return { ${pairs.map(([local, name = local]) => `${name}: ${local}`).join(", ")} };`;
    })
    .replaceAll(/\bimport\("(\.\/[\w.-]+)"\)/g, (original, path) =>
      names.includes(path) ? `later(${names.indexOf(path)})` : original,
    );
}

/** boot.cjs reads it as such; esbuild leaves what regular expressions contain as it is. */
function toAscii(code) {
  const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return code.replaceAll(/[\u0080-\uffff]/g, escaped);
}
