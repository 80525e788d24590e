/** Which commands there are. Each file of commands/ is loaded when its command is called. */
import type { Command } from "./command.ts";

// biome-ignore lint/suspicious/noExplicitAny: the dispatcher hands every command the values of its own table
type AnyCommand = Command<any>;
export type Loader = () => Promise<{ default: AnyCommand }>;
export type Commands = Readonly<Record<string, Loader>>;

export interface Group {
  summary: string;
  commands: Commands;
  /** Other names of the same commands, not listed in help. */
  aliases: Readonly<Record<string, string>>;
}

const attach: Loader = () => import("./commands/attach.ts");
const build: Loader = () => import("./commands/build.ts");
const create: Loader = () => import("./commands/create.ts");
const events: Loader = () => import("./commands/events.ts");
const commit: Loader = () => import("./commands/commit.ts");
const cp: Loader = () => import("./commands/cp.ts");
const diff: Loader = () => import("./commands/diff.ts");
const exec: Loader = () => import("./commands/exec.ts");
const exportContainer: Loader = () => import("./commands/export.ts");
const history: Loader = () => import("./commands/history.ts");
const images: Loader = () => import("./commands/images.ts");
const importImage: Loader = () => import("./commands/import.ts");
const info: Loader = () => import("./commands/info.ts");
const kill: Loader = () => import("./commands/kill.ts");
const load: Loader = () => import("./commands/load.ts");
const logs: Loader = () => import("./commands/logs.ts");
const pause: Loader = () => import("./commands/pause.ts");
const port: Loader = () => import("./commands/port.ts");
const ps: Loader = () => import("./commands/ps.ts");
const pull: Loader = () => import("./commands/pull.ts");
const push: Loader = () => import("./commands/push.ts");
const rename: Loader = () => import("./commands/rename.ts");
const rm: Loader = () => import("./commands/rm.ts");
const restart: Loader = () => import("./commands/restart.ts");
const rmi: Loader = () => import("./commands/rmi.ts");
const run: Loader = () => import("./commands/run.ts");
const save: Loader = () => import("./commands/save.ts");
const start: Loader = () => import("./commands/start.ts");
const stats: Loader = () => import("./commands/stats.ts");
const stop: Loader = () => import("./commands/stop.ts");
const tag: Loader = () => import("./commands/tag.ts");
const top: Loader = () => import("./commands/top.ts");
const unpause: Loader = () => import("./commands/unpause.ts");
const update: Loader = () => import("./commands/update.ts");
const wait: Loader = () => import("./commands/wait.ts");

export const commands: Commands = {
  run,
  exec,
  ps,
  pull,
  push,
  images,
  version: () => import("./commands/version.ts"),
  events,
  __complete: () => import("./commands/complete.ts"),
  completion: () => import("./commands/completion.ts"),
  commit,
  cp,
  diff,
  doctor: () => import("./commands/doctor.ts"),
  export: exportContainer,
  history,
  import: importImage,
  info,
  inspect: () => import("./commands/inspect.ts"),
  kill,
  load,
  login: () => import("./commands/login.ts"),
  logout: () => import("./commands/logout.ts"),
  logs,
  oci: () => import("./commands/oci.ts"),
  restart,
  rm,
  rmi,
  save,
  search: () => import("./commands/search.ts"),
  start,
  stats,
  stop,
  attach,
  build,
  create,
  pause,
  port,
  rename,
  tag,
  top,
  unpause,
  update,
  wait,
};

export const groups: Readonly<Record<string, Group>> = {
  builder: {
    summary: "Manage builds",
    commands: {
      build,
      du: () => import("./commands/builder-du.ts"),
      prune: () => import("./commands/builder-prune.ts"),
    },
    aliases: {},
  },
  container: {
    summary: "Manage containers",
    commands: {
      commit,
      cp,
      diff,
      exec,
      export: exportContainer,
      inspect: () => import("./commands/container-inspect.ts"),
      kill,
      logs,
      ls: ps,
      reap: () => import("./commands/reap.ts"),
      restart,
      revive: () => import("./commands/revive.ts"),
      rm,
      run,
      start,
      stats,
      stop,
      attach,
      create,
      pause,
      port,
      prune: () => import("./commands/container-prune.ts"),
      rename,
      top,
      unpause,
      update,
      wait,
    },
    aliases: { list: "ls", ps: "ls", remove: "rm" },
  },
  explain: {
    summary: "Show every kernel step as it is executed, with its reason and proof",
    commands: { run: () => import("./commands/explain-run.ts") },
    aliases: {},
  },
  image: {
    summary: "Manage images",
    commands: {
      build,
      history,
      import: importImage,
      inspect: () => import("./commands/image-inspect.ts"),
      load,
      ls: images,
      prune: () => import("./commands/image-prune.ts"),
      pull,
      push,
      rm: rmi,
      save,
      tag,
    },
    aliases: { list: "ls", remove: "rm" },
  },
  manifest: {
    summary: "Look at image manifests and manifest lists in registries",
    commands: { inspect: () => import("./commands/manifest-inspect.ts") },
    aliases: {},
  },
  network: {
    summary: "Manage networks",
    commands: {
      connect: () => import("./commands/network-connect.ts"),
      create: () => import("./commands/network-create.ts"),
      disconnect: () => import("./commands/network-disconnect.ts"),
      inspect: () => import("./commands/network-inspect.ts"),
      ls: () => import("./commands/network-ls.ts"),
      prune: () => import("./commands/network-prune.ts"),
      resolver: () => import("./commands/network-resolver.ts"),
      rm: () => import("./commands/network-rm.ts"),
    },
    aliases: { list: "ls", remove: "rm" },
  },
  system: {
    summary: "Manage tsrun on this host",
    commands: {
      boot: () => import("./commands/system-boot.ts"),
      check: () => import("./commands/system-check.ts"),
      df: () => import("./commands/system-df.ts"),
      events,
      info,
      prune: () => import("./commands/system-prune.ts"),
      service: () => import("./commands/system-service.ts"),
      shutdown: () => import("./commands/system-shutdown.ts"),
    },
    aliases: {},
  },
  volume: {
    summary: "Manage volumes",
    commands: {
      create: () => import("./commands/volume-create.ts"),
      inspect: () => import("./commands/volume-inspect.ts"),
      ls: () => import("./commands/volume-ls.ts"),
      prune: () => import("./commands/volume-prune.ts"),
      rm: () => import("./commands/volume-rm.ts"),
    },
    aliases: { list: "ls", remove: "rm" },
  },
};

/** The commands that lists show, loaded, by name. */
export async function visible(from: Commands): Promise<[name: string, command: AnyCommand][]> {
  const all = Object.entries(from).map(
    async ([name, load]): Promise<[string, AnyCommand]> => [name, (await load()).default],
  );
  return (await Promise.all(all)).filter(([, { hidden }]) => !hidden);
}
