/** What goes wrong without being an error (runtime.md, "Warnings"); the face decides where it is told. */

type Listener = (message: string) => void;

let listener: Listener = () => {};
let debugListener: Listener = () => {};

/** Who is told from now on. */
export function onWarning(tell: Listener): void {
  listener = tell;
}

export function warn(message: string): void {
  listener(message);
}

/** Who is told what only those who look for a fault want to know. */
export function onDebug(tell: Listener): void {
  debugListener = tell;
}

export function debug(message: string): void {
  debugListener(message);
}
