/** The instructions of one stage, in their order. */
import { posix } from "node:path";
import type { ImageConfig } from "../../image/config-document.ts";
import { formatPlatform, type Platform } from "../../image/platform.ts";
import { commandTitle, expandCommand, expandWord, readTrigger, shellScript } from "../dockerfile/index.ts";
import type {
  AddCommand,
  Command,
  CommandLine,
  CopyCommand,
  Range,
  RunCommand,
  RunMount,
  WorkdirCommand,
  Stage as WrittenStage,
} from "../dockerfile/types.ts";
import { brokenInstruction, HOST_USERS_HINT } from "../errors.ts";
import { proxyVariables } from "./arguments.ts";
import type { Compilation } from "./compile.ts";
import { applyMetadata, type Draft, type MetadataCommand, shellOf } from "./metadata.ts";
import { sourcesOf } from "./sources.ts";
import type { Base, FilesFrom, HistoryLine, RunStep, Step, StepMount } from "./types.ts";

/** A stage in the making. */
export interface StageDraft extends Draft {
  readonly stage: WrittenStage;
  readonly platform: Platform;
  /** How its steps are called, and how many there are. */
  readonly title: string;
  total: number;
  index: number;
  readonly base: Base;
  readonly baseName: string;
  config: ImageConfig;
  /** ENV and ARG as they follow each other. */
  readonly environment: Map<string, string>;
  /** The ARGs so far; undefined where one has no value. */
  readonly declared: Map<string, string | undefined>;
  readonly steps: Step[];
  readonly history: HistoryLine[];
  readonly ignoresCache: boolean;
  fromStep: number | undefined;
}

/** Adds the stage's steps to the draft; first those that its base asks for. */
export async function compileCommands(compilation: Compilation, draft: StageDraft): Promise<void> {
  const { stage, config } = draft;
  const triggers = (config.OnBuild ?? []).map((text) => readTrigger(text, stage.range));
  delete config.OnBuild;
  draft.total += triggers.filter(({ keyword }) => ["RUN", "COPY", "ADD", "WORKDIR"].includes(keyword)).length;
  if (draft.base.kind === "image") {
    draft.fromStep = compilation.request.announce();
    draft.index += 1;
  }
  for (const command of triggers) await compileCommand(compilation, draft, command, "ONBUILD ");
  for (const command of stage.commands) await compileCommand(compilation, draft, command, "");
}

async function compileCommand(
  compilation: Compilation,
  draft: StageDraft,
  written: Command,
  prefix: string,
): Promise<void> {
  const token = compilation.dockerfile.parsed.escape;
  const lookup = (name: string): string | undefined => draft.environment.get(name);
  const command = written.keyword === "ARG" ? written : expandCommand(written, lookup, token).command;
  const title = `${prefix}${commandTitle(written, lookup, token)}`;
  switch (command.keyword) {
    case "ARG":
      for (const pair of command.pairs) declare(compilation, draft, pair);
      remember(
        draft,
        `ARG ${command.pairs.map(({ key }) => assignment(key, draft.declared.get(key))).join(" ")}`,
      );
      break;
    case "ENV":
      for (const { key, value } of command.pairs) {
        draft.environment.set(key, value);
        draft.config.Env = withVariable(draft.config.Env ?? [], key, value);
      }
      remember(draft, `ENV${command.pairs.map(({ key, value }) => ` ${key}=${value}`).join("")}`);
      break;
    case "RUN":
      await addRun(compilation, draft, command, title);
      break;
    case "COPY":
    case "ADD":
      await addFiles(compilation, draft, command, title);
      break;
    case "WORKDIR":
      addWorkdir(compilation, draft, command, title);
      break;
    default: {
      const line = applyMetadata(draft, command as MetadataCommand);
      if (line !== undefined) remember(draft, line);
    }
  }
}

function remember(draft: StageDraft, createdBy: string, step?: Step): void {
  draft.history.push({ kind: "own", createdBy, step });
}

const assignment = (key: string, value: string | undefined): string =>
  value === undefined ? key : `${key}=${value}`;

function withVariable(env: readonly string[], key: string, value: string): string[] {
  const entry = `${key}=${value}`;
  const isKnown = env.some((other) => other.startsWith(`${key}=`));
  return isKnown ? env.map((other) => (other.startsWith(`${key}=`) ? entry : other)) : [...env, entry];
}

/** The caller's value, or the default that is written, or what is told before the first FROM. */
function declare(
  { request, globals, dockerfile }: Compilation,
  draft: StageDraft,
  { key, value }: { key: string; value: string | undefined },
): void {
  const lookup = (name: string): string | undefined => draft.environment.get(name);
  const given = request.buildArgs.get(key);
  const inherited = value === undefined ? globals.get(key) : undefined;
  const own = value === undefined ? undefined : expandWord(value, lookup, dockerfile.parsed.escape).text;
  const result = given ?? own ?? inherited;
  draft.declared.set(key, result);
  if (result !== undefined) draft.environment.set(key, result);
}

/** What all steps have. */
function common({ request }: Compilation, draft: StageDraft, { range }: { range: Range }, title: string) {
  draft.index += 1;
  return {
    number: request.announce(),
    name: stepName(draft, title, request.showPlatform),
    range,
    ignoresCache: draft.ignoresCache,
  };
}

/** "[builder 2/5] RUN make" */
export function stepName(
  draft: StageDraft,
  title: string,
  showPlatform: boolean,
  index = draft.index,
): string {
  const width = String(draft.total).length;
  const words = [
    ...(showPlatform ? [formatPlatform(draft.platform)] : []),
    ...(draft.title === "" ? [] : [draft.title]),
    `${String(index).padStart(width)}/${draft.total}`,
  ];
  return `[${words.join(" ")}] ${title}`;
}

async function addRun(
  compilation: Compilation,
  draft: StageDraft,
  command: RunCommand,
  title: string,
): Promise<void> {
  const { environment, config } = draft;
  const { args, script } = executed(command.command, config);
  const sockets = command.mounts.filter(({ type }) => type === "ssh");
  const mounts = await Promise.all(
    command.mounts.map((mount) => {
      const target = mount.target ?? defaultTarget(mount, sockets.indexOf(mount));
      return locate(compilation, draft, { mount, target, range: command.range });
    }),
  );
  refuseInsecure(compilation, command);
  const step: Step = {
    ...common(compilation, draft, command, title),
    kind: "run",
    platform: draft.platform,
    args,
    env: [...environment].map(([key, value]) => `${key}=${value}`),
    proxies: proxyVariables(compilation.request.buildArgs).filter(
      (entry) => !environment.has(entry.replace(/=.*/s, "")),
    ),
    cwd: config.WorkingDir || "/",
    user: config.User ?? "",
    network: command.network,
    privileged: command.security === "insecure",
    mounts,
    script,
  };
  draft.steps.push(step);
  const given = [...draft.declared.keys()].map((key) => `${key}=${environment.get(key) ?? ""}`);
  const line = [...(given.length > 0 ? [`|${given.length}`, ...given] : []), ...args].join(" ");
  remember(draft, `RUN ${line} # buildkit`, step);
}

/** Where a heredoc that names its interpreter is mounted. */
const SCRIPTS = "/dev/pipes";

function executed(line: CommandLine, config: ImageConfig): Pick<RunStep, "args" | "script"> {
  if (line.form === "exec") return { args: line.words, script: undefined };
  const shell = shellOf(config);
  const given = shellScript(line);
  if ("text" in given) return { args: [...shell, given.text], script: undefined };
  const path = posix.join(SCRIPTS, given.file);
  return { args: [...shell, path], script: { path, content: given.content } };
}

function refuseInsecure({ request }: Compilation, command: RunCommand): void {
  for (const [entitlement, flag] of [
    ...(command.security === "insecure" ? [["security.insecure", "--security=insecure"]] : []),
    ...(command.network === "host" ? [["network.host", "--network=host"]] : []),
  ]) {
    if (request.hasOwnUsers)
      throw brokenInstruction(command, `RUN ${flag} is incompatible with user namespaces`, HOST_USERS_HINT);
    if (request.allows(entitlement as "security.insecure" | "network.host")) continue;
    throw brokenInstruction(
      command,
      `${entitlement} is not allowed`,
      `RUN ${flag} needs: tsrun build --allow ${entitlement}`,
    );
  }
}

async function locate(
  compilation: Compilation,
  draft: StageDraft,
  { mount, target: named, range }: { mount: RunMount; target: string; range: Range },
): Promise<StepMount> {
  const target = posix.resolve("/", draft.config.WorkingDir ?? "", named);
  if (target === "/") throw brokenInstruction({ range }, `invalid mount target "${mount.target ?? ""}"`);
  const hasFiles = mount.type === "bind" || (mount.type === "cache" && mount.from !== undefined);
  const targetIsNamed = mount.target !== undefined;
  if (!hasFiles) return { ...mount, target, targetIsNamed, files: undefined };
  const files: FilesFrom =
    mount.from === undefined
      ? { kind: "context", name: undefined }
      : await compilation.filesFrom(mount.from, {
          range,
          before: draft.stage.index,
          platform: draft.platform,
        });
  return { ...mount, target, targetIsNamed, files };
}

/** `socket` counts the step's ssh mounts. */
function defaultTarget({ type, id, source }: RunMount, socket: number): string {
  if (type === "ssh") return `/run/buildkit/ssh_agent.${socket}`;
  return type === "secret" ? `/run/secrets/${id ?? posix.basename(source ?? "")}` : "/";
}

async function addFiles(
  compilation: Compilation,
  draft: StageDraft,
  command: CopyCommand | AddCommand,
  title: string,
): Promise<void> {
  const { keyword, range, sources, chown, chmod, exclude, parents, link } = command;
  const { paths, heredocs, destination } = sources;
  const from = keyword === "COPY" ? command.from : undefined;
  if (paths.length + heredocs.length > 1 && !/(?:^|\/)\.{0,2}$/.test(destination)) {
    throw brokenInstruction(
      command,
      `When using ${keyword} with more than one source file, the destination must be a directory and end with a /`,
    );
  }
  const files: FilesFrom =
    from === undefined
      ? { kind: "context", name: undefined }
      : await compilation.filesFrom(from, { range, before: draft.stage.index, platform: draft.platform });
  const step: Step = {
    ...common(compilation, draft, command, title),
    kind: "files",
    keyword,
    from: files,
    sources: sourcesOf(command),
    destination: absolute(draft, destination),
    chown,
    chmod,
    exclude,
    parents,
    link,
    checksum: keyword === "ADD" ? command.checksum : undefined,
    keepGitDir: keyword === "ADD" && (command.keepGitDir ?? false),
    unpack: keyword === "ADD" ? command.unpack : false,
  };
  draft.steps.push(step);
  const words = [
    keyword,
    ...(parents ? ["--parents"] : []),
    ...(chown === undefined ? [] : [`--chown=${chown}`]),
    ...(chmod === undefined ? [] : [`--chmod=${chmod}`]),
    ...paths,
    ...heredocs.map(({ name }) => `<<${name}`),
    destination,
  ];
  remember(draft, `${words.join(" ")} # buildkit`, step);
}

/** A slash at the end stays: it asks for a directory. */
function absolute({ config }: StageDraft, path: string): string {
  const resolved = posix.resolve("/", config.WorkingDir ?? "", path);
  return /(?:^|\/)\.{0,2}$/.test(path) && resolved !== "/" ? `${resolved}/` : resolved;
}

function addWorkdir(
  compilation: Compilation,
  draft: StageDraft,
  command: WorkdirCommand,
  title: string,
): void {
  const path = posix.resolve("/", draft.config.WorkingDir ?? "", command.path);
  draft.config.WorkingDir = path;
  if (path === "/") {
    remember(draft, "WORKDIR /");
    return;
  }
  const step: Step = {
    ...common(compilation, draft, command, title),
    kind: "workdir",
    path,
    user: draft.config.User ?? "",
  };
  draft.steps.push(step);
  remember(draft, `WORKDIR ${path}`, step);
}
