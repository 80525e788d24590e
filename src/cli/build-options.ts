/** From the words of `build` to what a build is asked: files found, names read from the environment. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { BuildOptions, BuildOutput, SecretSource, SshSource } from "../build/types.ts";
import { TsrunError } from "../errors.ts";
import type { buildFlags } from "./build-flags.ts";
import type { Context } from "./command.ts";
import type { OptionValues } from "./option-table.ts";
import type { OutputFlag } from "./options/build-output.ts";
import type { SecretFlag } from "./options/build-sources.ts";
import { toRecord } from "./options/pairs.ts";
import { resources } from "./options/resources.ts";
import { STDOUT, writeAll } from "./write.ts";

export type BuildFlags = OptionValues<typeof buildFlags>;

/** Docker's own limit of a secret: it is a password, not a file to be smuggled past the cache. */
const SECRET_LIMIT = 500 * 1024;

/** Everything but the context and the Dockerfile, which may have to be read first. */
export function buildOptions(
  flags: BuildFlags,
  context: Pick<Context, "env" | "terminal">,
): Omit<BuildOptions, "context"> {
  const { env } = context;
  if (!flags.rm) {
    throw new TsrunError(
      "ERR_TSRUN_OPTION_UNSUPPORTED",
      "--rm=false is not supported: a build leaves no containers",
      {
        hint: "--on-error shell opens what a RUN that fails has left",
      },
    );
  }
  const buildArgs = argumentsOf(flags["build-arg"], env);
  const platforms = platformsOf(flags.platform, env);
  const epoch = sourceDateEpoch(buildArgs.SOURCE_DATE_EPOCH ?? env.SOURCE_DATE_EPOCH);
  const noCache =
    flags["no-cache"] || (flags["no-cache-filter"].length > 0 && stagesOf(flags["no-cache-filter"]));
  const outputs = outputsOf(flags, context);
  const limits = resources(flags);
  if (flags.iidfile !== undefined && outputs.some(({ type }) => type === "local" || type === "tar"))
    throw invalid("local and tar exporters are incompatible with image ID file");
  return {
    tags: flags.tag,
    buildArgs,
    labels: toRecord(flags.label),
    annotations: toRecord(flags.annotation),
    platforms,
    pull: flags.pull,
    squash: flags.squash,
    namedContexts: Object.fromEntries(flags["build-context"].map(({ name, source }) => [name, source])),
    secrets: flags.secret.map((secret) => secretSource(secret, env)),
    ssh: flags.ssh.map((source) => sshSource(source, env)),
    addHosts: flags["add-host"],
    allow: flags.allow,
    ulimits: flags.ulimit,
    cacheFrom: flags["cache-from"],
    cacheTo: flags["cache-to"],
    ...(noCache !== false && { noCache }),
    ...(outputs.length > 0 && { outputs }),
    ...(flags.target !== undefined && { target: flags.target }),
    ...(flags.network !== undefined && { network: flags.network }),
    ...(flags["shm-size"] && { shmSize: flags["shm-size"] }),
    ...(flags["cgroup-parent"] !== undefined && { cgroupParent: flags["cgroup-parent"] }),
    ...(limits !== undefined && { resources: limits }),
    ...(epoch !== undefined && { sourceDateEpoch: epoch }),
  };
}

type Environment = Context["env"];

/** A name alone has the value that it has in the environment, and none where it has none there. */
function argumentsOf(words: readonly string[], env: Environment): Record<string, string> {
  const found: Record<string, string> = {};
  for (const word of words) {
    const equals = word.indexOf("=");
    const name = equals === -1 ? word : word.slice(0, equals);
    const value = equals === -1 ? env[name] : word.slice(equals + 1);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

function platformsOf(words: readonly string[], env: Environment): string[] {
  const given = words.flatMap((word) => word.split(",")).map((word) => word.trim());
  const fallback = env.DOCKER_DEFAULT_PLATFORM;
  return given.length === 0 && fallback ? [fallback] : given;
}

const stagesOf = (words: readonly string[]): string[] =>
  words.flatMap((word) => word.split(",")).filter(Boolean);

/** reproducible-builds.org/specs/source-date-epoch: seconds, in decimal. */
function sourceDateEpoch(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (!/^\d{1,12}$/.test(text))
    throw invalid(`invalid SOURCE_DATE_EPOCH: ${text}`, "it is a number of seconds since 1970");
  return Number(text);
}

function secretSource({ id, file, env: name }: SecretFlag, env: Environment): SecretSource {
  // As docker: the id alone is a variable of that name, or else a file.
  const variable = name ?? (file === undefined && env[id] !== undefined ? id : undefined);
  if (variable !== undefined) {
    if (env[variable] === undefined)
      throw invalid(`secret ${id}: environment variable ${variable} is not set`);
    return { id, from: { env: variable } };
  }
  const path = resolve(file ?? id);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw invalid(`secret ${id}: failed to stat ${path}: no such file or directory`);
  if (found.isDirectory()) throw invalid(`secret ${id}: ${path} is a directory`);
  if (found.size > SECRET_LIMIT) throw invalid(`secret ${id}: ${path} is larger than 500 KB`);
  return { id, from: { file: path } };
}

function sshSource({ id, paths }: SshSource, env: Environment): SshSource {
  if (paths.length > 0) return { id, paths: paths.map((path) => resolve(path)) };
  const socket = env.SSH_AUTH_SOCK;
  if (!socket) {
    throw invalid(
      `invalid empty ssh agent socket: SSH_AUTH_SOCK is not set`,
      `start an agent, or name a key: --ssh ${id}=$HOME/.ssh/id_ed25519`,
    );
  }
  return { id, paths: [socket] };
}

function outputsOf(flags: BuildFlags, { terminal }: Pick<Context, "terminal">): BuildOutput[] {
  const outputs = flags.output.map((output) => outputOf(output, flags.tag, terminal.isTerminal(STDOUT)));
  const isImage = ({ type }: BuildOutput): boolean => type === "image";
  if (flags.load && flags.push)
    throw new TsrunError("ERR_TSRUN_OPTION_CONFLICT", "push and load may not be set together at the moment", {
      hint: "--push keeps the image in the store too",
    });
  if ((flags.load || flags.push) && !outputs.some(isImage))
    outputs.push({ type: "image", names: flags.tag, push: flags.push });
  const pushed = outputs.map((output) =>
    flags.push && output.type === "image" ? { ...output, push: true } : output,
  );
  for (const output of pushed) {
    if (output.type === "image" && output.push && output.names.length === 0)
      throw invalid("tag is needed when pushing to registry", "name the image: -t REGISTRY/REPOSITORY:TAG");
  }
  if (pushed.filter((output) => "to" in output && typeof output.to === "function").length > 1)
    throw invalid("only one output can go to standard output");
  return pushed;
}

function outputOf(output: OutputFlag, tags: readonly string[], isTerminal: boolean): BuildOutput {
  if (output.type === "local") return { type: "local", directory: resolve(output.directory) };
  if (output.type === "image") return { ...output, names: output.names ?? tags };
  if (output.to !== "-") return { ...output, to: resolve(output.to), names: output.names ?? tags };
  if (isTerminal) {
    throw new TsrunError(
      "ERR_TSRUN_TERMINAL_OUTPUT",
      `dest file is required for ${output.type} exporter. refusing to write to console`,
      { hint: `-o type=${output.type},dest=FILE, or redirect the output`, exitCode: 1 },
    );
  }
  return { ...output, to: (piece) => writeAll(STDOUT, Buffer.from(piece)), names: output.names ?? tags };
}

function invalid(message: string, hint?: string): TsrunError {
  return new TsrunError("ERR_TSRUN_OPTION_INVALID", message, hint === undefined ? {} : { hint });
}
