/** A secret is there for the RUN that asks for it, and nowhere else: not on disk, not in what is printed, not in what comes out. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { killNow } from "./support/crash.ts";
import { useHost } from "./support/host.ts";

const host = useHost({ pull: [] });
const { directory, output, tsrun } = host;

/** Both words of which a file may be made: as they are, and as documents have them. */
const inForms = (words: readonly string[]): string[] =>
  words.flatMap((word) => [word, Buffer.from(word).toString("base64").slice(0, 24)]);

/** Files below a directory that have one of the words in them, compressed ones too. */
function holding(path: string, words: readonly string[]): string[] {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  return files.flatMap((file) => {
    const name = join(file.parentPath, file.name);
    const bytes = readFileSync(name);
    const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
    return inForms(words).some((form) => plain.includes(form)) ? [name] : [];
  });
}

/** A context outside of the store, and where its secrets are. */
function prepare(name: string, dockerfile: string): { context: string; words: string[]; flags: string[] } {
  const context = join(directory, name);
  mkdirSync(context);
  writeFileSync(join(context, "Dockerfile"), dockerfile);
  const words = [randomBytes(24).toString("hex"), randomBytes(24).toString("hex")];
  const file = join(directory, `${name}.secret`);
  writeFileSync(file, words[0] as string);
  return { context, words, flags: ["--secret", `id=key,src=${file}`, "--secret", "id=TOKEN"] };
}

const SECRETS = "--mount=type=secret,id=key --mount=type=secret,id=TOKEN,env=TOKEN";
// biome-ignore lint/suspicious/noTemplateCurlyInString: it is a shell's
const SEES = 'test "$(wc -c < /run/secrets/key)" = 48 && test ${#TOKEN} = 48';

test("no layer, history, log, document, cache or archive has it", { timeout: 60_000 }, async () => {
  const marker = randomBytes(24).toString("hex");
  const { context, words, flags } = prepare(
    "seen",
    `FROM tsrun/base
RUN ${SECRETS} ${SEES} && echo seen
RUN --mount=type=secret,id=key,target=/etc/app/key,mode=0444 --mount=type=cache,target=/cache \\
    wc -c < /etc/app/key > /size
RUN echo ${marker} > /marker
LABEL a=b
`,
  );
  const out = join(directory, "out");
  mkdirSync(out);
  const env = { TOKEN: words[1] as string };
  const built = await host.tsrunWith(
    { env },
    ...["build", "--network", "none", "-t", "secrets", ...flags],
    ...["--cache-to", `type=local,dest=${join(out, "cache")},mode=max`, "--cache-to", "type=inline"],
    ...["--metadata-file", join(out, "metadata.json"), "--iidfile", join(out, "iid")],
    context,
  );
  expect(built).toMatchObject({ code: 0, stderr: expect.stringContaining("seen") });
  // Another secret is no reason to do it again.
  writeFileSync(join(directory, "seen.secret"), "x".repeat(48));
  const raw = await host.tsrunWith(
    { env: { TOKEN: "y".repeat(48) } },
    ...["build", "--network", "none", "--progress", "rawjson", ...flags],
    ...["-o", `type=oci,dest=${join(out, "image.tar")}`, context],
  );
  expect(raw.code).toBe(0);
  expect(raw.stderr.match(/"cached":true/g)?.length).toBeGreaterThanOrEqual(3);
  mkdirSync(join(out, "unpacked"));
  execFileSync("tar", ["-C", join(out, "unpacked"), "-xf", join(out, "image.tar")]);
  const printed = [
    ...[built, raw].map(({ stdout, stderr }) => stdout + stderr),
    await output("history", "--no-trunc", "secrets"),
    await output("image", "inspect", "secrets"),
    await output("builder", "du", "--verbose"),
    await output("system", "df", "-v"),
    await output("events", "--since", "0", "--until", String(Math.ceil(Date.now() / 1000))),
  ].join("\n");
  expect(inForms(words).filter((form) => printed.includes(form))).toEqual([]);
  expect([host.root, host.run, out].flatMap((path) => holding(path, words))).toEqual([]);
  // The search would have found it.
  expect(holding(host.root, [marker]).length).toBeGreaterThan(0);
  expect(holding(join(out, "unpacked"), [marker]).length).toBeGreaterThan(0);
  expect(printed).toContain(marker);
});

test("a RUN that fails, and one whose build is killed, leave nothing of it", async () => {
  const { context, words, flags } = prepare("failing", `FROM tsrun/base\nRUN ${SECRETS} ${SEES} && exit 3\n`);
  const env = { TOKEN: words[1] as string };
  const failed = await host.tsrunWith({ env }, "build", "--network", "none", ...flags, context);
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining("exit code: 3") });
  expect(inForms(words).filter((form) => failed.stderr.includes(form))).toEqual([]);

  // Who forgets a secret is told so.
  expect((await tsrun("build", "--network", "none", context)).stderr).toMatch(
    /exit code: \d+\nhint: it has a mount of secret key, which was not given: --secret id=key,src=FILE\n$/,
  );

  writeFileSync(
    join(context, "Dockerfile"),
    `FROM tsrun/base\nRUN ${SECRETS} ${SEES} && echo asleep && sleep 1000\n`,
  );
  const victim = host.start({ env }, "build", "--network", "none", ...flags, context);
  await victim.until(/\d asleep/);
  // While it is needed it is in memory alone.
  expect(holding(host.root, words)).toEqual([]);
  killNow(victim.child.pid);
  await victim.result;
  // The next command that looks takes it away, once the monitor, which ends with the build, has ended.
  const left = async () => {
    await host.output("ps");
    return holding(host.run, words);
  };
  await expect.poll(left, { timeout: 10_000 }).toEqual([]);
  expect(holding(host.root, words)).toEqual([]);
});
