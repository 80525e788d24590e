/** Signals that this process gets, handed on to the container's process (--sig-proxy). */

/**
 * All that can be caught and mean something to a program, as docker forwards them: not SIGCHLD, SIGPIPE and SIGURG,
 * which the runtime gets for reasons of its own, nor the faults that a thread causes itself.
 */
const FORWARDED = [
  "SIGABRT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGCONT",
  "SIGTSTP",
  "SIGTTIN",
  "SIGTTOU",
  "SIGXCPU",
  "SIGXFSZ",
  "SIGVTALRM",
  "SIGWINCH",
  "SIGIO",
  "SIGPWR",
] as const satisfies NodeJS.Signals[];

/** Those that would end this process in the middle of a start. */
const URGENT = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"] as const satisfies NodeJS.Signals[];

export interface SignalProxy {
  /** Delivers what has arrived so far and from now on. */
  connect(kill: (signal: NodeJS.Signals) => void): void;
  /** Signals have their usual effect on this process again. */
  stop(): void;
}

/**
 * Starts to catch signals. One that arrives between the container's start and `connect` is kept, so that Ctrl-C in
 * that moment reaches the container instead of leaving it without its client.
 */
export function catchSignals(): SignalProxy {
  let deliver: ((signal: NodeJS.Signals) => void) | undefined;
  const waiting: NodeJS.Signals[] = [];
  const onSignal = (signal: NodeJS.Signals): void => {
    if (deliver === undefined) waiting.push(signal);
    else deliver(signal);
  };
  for (const signal of URGENT) process.on(signal, onSignal);
  // Catching one costs 0.1 ms: the rarer ones wait for the moment when this process waits, for its container to start.
  let rest: NodeJS.Immediate | undefined = setImmediate(catchRest);
  function catchRest(): void {
    rest = undefined;
    for (const signal of FORWARDED) process.on(signal, onSignal);
  }
  return {
    connect(kill) {
      if (rest !== undefined) {
        clearImmediate(rest);
        catchRest();
      }
      deliver = kill;
      for (const signal of waiting.splice(0)) kill(signal);
    },
    stop() {
      clearImmediate(rest);
      for (const signal of [...URGENT, ...FORWARDED]) process.off(signal, onSignal);
    },
  };
}
