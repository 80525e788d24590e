/**
 * What containers may do, as data: a World is a list of containers, a verb a short list of steps on it. Each step is
 * what other commands can see happen at once, so commands that run side by side may interleave between steps and
 * nowhere else. `explain()` tries all interleavings that fit what was seen.
 *
 *     let worlds = [[]];                                            // nothing is there yet
 *     worlds = explain(worlds, [{ command: create, result: "ok" }])   // each world that this can have led to
 *     worlds = worlds.filter((world) => isSeen(world))                // none left: what was seen cannot be
 */

export type Program =
  /** Ends by SIGKILL alone. */
  | "sleep"
  /** Ends by itself, soon, with exit code 7. */
  | "brief";

export interface Command {
  verb: Verb;
  name: string;
  /** The new name of `rename`. */
  to?: string;
  /** Of `create`. */
  program?: Program;
}

/** A command that was carried out. */
export interface Done {
  command: Command;
  /** "ok", "exit 0", a state or an error code; undefined where it was killed at some instant, or not at all. */
  result: string | undefined;
}

interface Container {
  id: number;
  name: string;
  /** Its former name, while a rename is under way. */
  alias?: string | undefined;
  /** Claimed: its name is taken, and nothing else. Going: the same, at its end. */
  stage: "claimed" | "here" | "going";
  program: Program;
  status: "created" | "running" | "paused" | "exited";
  exitCode: number;
  /** Counts its starts: a signal ends the run that it was sent to. */
  run: number;
  /** Its monitor was killed while it was frozen: it ends when it is thawed. */
  doomed: boolean;
}

export type World = readonly Container[];

const KILLED = 137;
const BRIEF = 7;

const NOT_FOUND = "ERR_TSRUN_CONTAINER_NOT_FOUND";
const NOT_RUNNING = "ERR_TSRUN_CONTAINER_NOT_RUNNING";
const RUNNING = "ERR_TSRUN_CONTAINER_RUNNING";
const PAUSED = "ERR_TSRUN_CONTAINER_PAUSED";
const NOT_PAUSED = "ERR_TSRUN_CONTAINER_NOT_PAUSED";
const CONFLICT = "ERR_TSRUN_NAME_CONFLICT";
const MONITOR_DIED = "ERR_TSRUN_MONITOR_DIED";

/** "name: exited 137", one line a container: what `ps -a` shows of a world. */
export const shown = (world: World): string =>
  world
    .map((container) => `${container.name}: ${stateOf(container)}`)
    .sort()
    .join("\n");

const stateOf = ({ status, exitCode }: Container): string =>
  status === "exited" ? `exited ${exitCode}` : status;

/** A command on its way. */
interface Thread {
  command: Command;
  step: number;
  /** The container that the name led to. */
  id: number;
  /** The run that it found. */
  run: number;
}

/** What a step does: a changed world, a jump, or the command's result. No move at all: it has to wait. */
interface Move {
  world?: World;
  thread?: Partial<Thread>;
  result?: string;
}

type Step = (world: World, thread: Thread) => Move[];

const isAlive = ({ status }: Container): boolean => status === "running" || status === "paused";
const isNamed = (container: Container, name: string): boolean =>
  container.name === name || container.alias === name;
const isTaken = (world: World, name: string): boolean => world.some((container) => isNamed(container, name));
const find = (world: World, name: string): Container | undefined =>
  world.find((container) => container.stage === "here" && isNamed(container, name));
const get = (world: World, { id }: Thread): Container | undefined =>
  world.find((container) => container.stage === "here" && container.id === id);
const change = (world: World, id: number, changes: Partial<Container>): World =>
  world.map((container) => (container.id === id ? { ...container, ...changes } : container));

const done = (result: string, world?: World): Move[] => [
  world === undefined ? { result } : { result, world },
];
const goOn = (world?: World): Move[] => [world === undefined ? {} : { world }];

/** Every command first finds its container; what it is may change from then on, its id does not. */
const resolve: Step = (world, { command }) => {
  const found = find(world, command.name);
  return found === undefined ? done(NOT_FOUND) : [{ thread: { id: found.id } }];
};

/** Remembers the run that it found, or ends with `otherwise`. */
const findAlive =
  (otherwise: string): Step =>
  (world, thread) => {
    const container = get(world, thread);
    return container !== undefined && isAlive(container)
      ? [{ thread: { run: container.run } }]
      : done(otherwise);
  };

/** The run that was found ends, unless it has. */
const end: Step = (world, thread) => {
  const container = get(world, thread);
  const isThat = container !== undefined && isAlive(container) && container.run === thread.run;
  return goOn(isThat ? change(world, thread.id, ended(KILLED)) : world);
};

/** The run that was found goes on, if it was paused: to receive a signal, which on cgroup v1 even SIGKILL waits for. */
const thaw: Step = (world, thread) => {
  const container = get(world, thread);
  const isThat = container?.status === "paused" && container.run === thread.run;
  return goOn(isThat ? change(world, thread.id, { status: "running" }) : world);
};

const ended = (exitCode: number): Partial<Container> => ({ status: "exited", exitCode, doomed: false });

const begin: Step = (world, thread) => {
  const container = get(world, thread);
  if (container === undefined) return done(NOT_FOUND);
  if (isAlive(container)) return done(RUNNING);
  return done("ok", change(world, thread.id, { status: "running", run: container.run + 1 }));
};

const refuseAlive: Step = (world, thread) => {
  const container = get(world, thread);
  return container !== undefined && isAlive(container) ? done(RUNNING) : goOn();
};

const finish =
  (result: string): Step =>
  () =>
    done(result);

/** The name stays taken until the last of its files is gone. */
const vanish: Step = (world, thread) => {
  const container = get(world, thread);
  if (container?.alias !== undefined) return []; // a rename is at work on it
  return container === undefined ? done("ok") : goOn(change(world, thread.id, { stage: "going" }));
};
const forget: Step = (world, { id }) =>
  done(
    "ok",
    world.filter((container) => container.id !== id),
  );

const VERBS = {
  create: [
    (world, { command: { name, program = "sleep" } }) => {
      if (isTaken(world, name)) return done(CONFLICT);
      const id = Math.max(0, ...world.map((container) => container.id)) + 1;
      const fresh = { stage: "claimed", status: "created", exitCode: 0, run: 0, doomed: false } as const;
      return [{ world: [...world, { id, name, program, ...fresh }], thread: { id } }];
    },
    (world, { id }) => done("ok", change(world, id, { stage: "here" })),
  ],

  start: [
    resolve,
    refuseAlive,
    // It looks the name up once more.
    (world, thread) => (find(world, thread.command.name) === undefined ? done(NOT_FOUND) : goOn()),
    begin,
  ],
  stop: [resolve, findAlive("ok"), thaw, end, finish("ok")],
  kill: [resolve, findAlive(NOT_RUNNING), thaw, end, finish("ok")],
  /** A signal that neither program has a use for. */
  signal: [resolve, findAlive(NOT_RUNNING), finish("ok")],

  pause: [
    resolve,
    (world, thread) => {
      const status = get(world, thread)?.status;
      return status === "running" ? goOn() : done(status === "paused" ? PAUSED : NOT_RUNNING);
    },
    (world, thread) => {
      const container = get(world, thread);
      if (container === undefined || !isAlive(container)) return done(NOT_RUNNING);
      return goOn(change(world, thread.id, { status: "paused" }));
    },
    // Another may have let it go on, to its end; or it was past being stopped, and only looked so.
    (world, thread) => {
      const container = get(world, thread);
      if (container === undefined || !isAlive(container)) return done(NOT_RUNNING);
      const past = change(world, thread.id, ended(BRIEF));
      // On cgroup v1 it asks until all are frozen, and may so overrule who has thawed them in between.
      const again = change(world, thread.id, { status: "paused" });
      return [
        ...done("ok"),
        ...done("ok", again),
        ...(container.program === "brief" ? done(NOT_RUNNING, past) : []),
      ];
    },
  ],
  unpause: [
    resolve,
    (world, thread) => {
      const status = get(world, thread)?.status;
      return status === "paused" ? goOn() : done(status === "running" ? NOT_PAUSED : NOT_RUNNING);
    },
    (world, thread) => {
      const container = get(world, thread);
      if (container === undefined || !isAlive(container)) return done(NOT_RUNNING);
      return done("ok", change(world, thread.id, { status: "running" }));
    },
  ],

  restart: [
    resolve,
    (world, thread) => [{ thread: { run: get(world, thread)?.run ?? -1 } }],
    thaw,
    end,
    refuseAlive,
    begin,
  ],

  rename: [
    resolve,
    (world, thread) => {
      const { to = "" } = thread.command;
      const container = get(world, thread);
      if (container === undefined) return done(NOT_FOUND);
      if (container.alias !== undefined) return []; // one at a time
      if (isTaken(world, to)) return done(CONFLICT);
      return goOn(change(world, thread.id, { name: to, alias: container.name }));
    },
    (world, thread) => done("ok", change(world, thread.id, { alias: undefined })),
  ],

  rm: [resolve, refuseAlive, refuseAlive, vanish, forget],
  "rm -f": [
    resolve,
    (world, thread) => [{ thread: { run: get(world, thread)?.run ?? -1 } }],
    thaw,
    end,
    (world, thread) => {
      const container = get(world, thread);
      return container !== undefined && isAlive(container)
        ? [{ thread: { step: 1 } }]
        : vanish(world, thread);
    },
    forget,
  ],

  exec: [
    resolve,
    (world, thread) => {
      const container = get(world, thread);
      if (container?.status === "paused") return done(PAUSED);
      return container?.status === "running" ? [{ thread: { run: container.run } }] : done(NOT_RUNNING);
    },
    (world, thread) => {
      const container = get(world, thread);
      const isThat = container?.status === "running" && container.run === thread.run;
      // The kernel kills it some time before the container's end is written down.
      const endsNow = endings(world).length > 0 ? [`exit ${KILLED}`] : [];
      const results = isThat
        ? ["exit 0", ...endsNow]
        : ["exit 0", `exit ${KILLED}`, NOT_RUNNING, MONITOR_DIED];
      return results.map((result) => ({ result }));
    },
  ],

  /** Given up after a while: "aborted". */
  wait: [
    resolve,
    (world, thread) => {
      const container = get(world, thread);
      if (container === undefined) return done(NOT_FOUND);
      return isAlive(container) ? [{ thread: { run: container.run } }] : done(`exit ${container.exitCode}`);
    },
    (world, thread) => {
      const container = get(world, thread);
      const seen = [`exit ${KILLED}`, `exit ${BRIEF}`];
      if (container === undefined) return [NOT_FOUND, ...seen].map((result) => ({ result }));
      if (container.run !== thread.run) return ["aborted", ...seen].map((result) => ({ result }));
      return done(isAlive(container) ? "aborted" : `exit ${container.exitCode}`);
    },
  ],

  inspect: [
    resolve,
    (world, thread) => {
      const container = get(world, thread);
      return done(container === undefined ? NOT_FOUND : stateOf(container));
    },
  ],

  /** kill -9 of the container's monitor; the kernel kills a frozen process on cgroup v2 and waits for v1's thawing. */
  "kill monitor": [
    (world, { command }) => {
      const found = find(world, command.name);
      return found === undefined || !isAlive(found)
        ? done("ok")
        : [{ thread: { id: found.id, run: found.run } }];
    },
    (world, thread) => {
      const frozen = get(world, thread)?.status === "paused";
      return frozen ? [{}, { world: change(world, thread.id, { doomed: true }), result: "ok" }] : goOn();
    },
    end,
    finish("ok"),
  ],
} as const satisfies Record<string, readonly Step[]>;

export type Verb = keyof typeof VERBS;

interface Moment {
  world: World;
  threads: readonly (Thread & { over: boolean })[];
}

/** The worlds that the commands, all at once and with these results, can have led to from one of `worlds`. */
export function explain(worlds: readonly World[], commands: readonly Done[]): World[] {
  const threads = commands.map(({ command }) => ({ command, step: 0, id: 0, run: -1, over: false }));
  const seen = new Set<string>();
  const ends = new Map<string, World>();
  const open: Moment[] = worlds.map((world) => ({ world, threads }));
  for (let moment = open.pop(); moment !== undefined; moment = open.pop()) {
    const key = JSON.stringify(moment);
    if (seen.has(key)) continue;
    seen.add(key);
    if (moment.threads.every(({ over }, index) => over || commands[index]?.result === undefined)) {
      const world = settled(moment.world);
      ends.set(JSON.stringify(world), world);
    }
    open.push(...next(moment, commands));
  }
  return [...ends.values()];
}

/** All that may happen next: a container ends by itself, or one of the commands makes a step. */
function next({ world, threads }: Moment, commands: readonly Done[]): Moment[] {
  const moments: Moment[] = endings(world).map((after) => ({ world: after, threads }));
  for (const [index, thread] of threads.entries()) {
    if (thread.over) continue;
    const step = (VERBS[thread.command.verb] as readonly Step[])[thread.step] as Step;
    for (const move of step(world, thread)) {
      const expected = commands[index]?.result;
      if (move.result !== undefined && expected !== undefined && move.result !== expected) continue;
      const moved = { ...thread, step: thread.step + 1, ...move.thread, over: move.result !== undefined };
      moments.push({ world: move.world ?? world, threads: threads.with(index, moved) });
    }
  }
  return moments;
}

function endings(world: World): World[] {
  return world.flatMap(({ id, status, program, doomed }) => {
    if (status !== "running") return [];
    const codes = [...(program === "brief" ? [BRIEF] : []), ...(doomed ? [KILLED] : [])];
    return codes.map((code) => change(world, id, ended(code)));
  });
}

/** Without what killed commands have left half done: the next sweep's. */
function settled(world: World): World {
  return world
    .filter(({ stage }) => stage === "here")
    .map(({ alias: _, ...container }) => ({ ...container, run: 0 }));
}
