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

/** Those that would end this process in the middle of a start; the others are caught once the container has run a while. */
const URGENT = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"] as const satisfies NodeJS.Signals[];

/** Catching a signal costs 0.1 ms, and a container that ends sooner than this hardly gets one of the rarer ones. */
const REST_AFTER_MS = 10;

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
  let timer: NodeJS.Timeout | undefined;
  return {
    connect(kill) {
      deliver = kill;
      for (const signal of waiting.splice(0)) kill(signal);
      timer = setTimeout(() => {
        for (const signal of FORWARDED) process.on(signal, onSignal);
      }, REST_AFTER_MS).unref();
    },
    stop() {
      clearTimeout(timer);
      for (const signal of [...URGENT, ...FORWARDED]) process.off(signal, onSignal);
    },
  };
}
