/**
 * A container runtime as the bench sees it: a few command lines that do the same thing everywhere. What a peer does
 * not have (runc pulls nothing and knows no bridge) it leaves out, and its column stays empty.
 */
export interface Command {
  argv: [string, ...string[]];
  env?: Record<string, string>;
}

export interface Peer {
  readonly name: string;
  /** Programs that must be on PATH. */
  readonly programs: string[];
  /** Starts daemons, writes configuration. */
  start(world: World): Promise<void>;
  /** Stops what start has started. */
  stop?(): Promise<void>;

  /** Gets the image from the loopback registry: download, verify, unpack. */
  pull?(image: string): Command;
  removeImage?(image: string): Command;
  /** An image of the Dockerfile in a folder; `anew`: without the cache. */
  build?(context: string, options: { anew: boolean }): Command;
  /** `run --rm … true`: start, wait, clean up. */
  run(image: string, network: "none" | "bridge"): Command | undefined;
  /** `run` of a bundle by the OCI runtime interface: start `true`, wait, clean up. */
  bundle?(): Command;
  /** A container that stays, for `exec`. */
  startSleeper(image: string): Command;
  /** `exec C true`. */
  exec(): Command;
  removeSleeper(): Command;

  readonly crowd?: Crowd;
  readonly wire?: Wire;
}

/** Containers on the default bridge network that sleep, for what is measured between them. */
export interface Wire {
  /** `publish`: the port of the host's 127.0.0.1 that leads to the container's. */
  start(image: string, name: string, publish?: { hostPort: number; containerPort: number }): Command;
  /** Prints the pid of its process and its address: "4711 172.17.0.2". */
  look(name: string): Command;
  remove(names: string[]): Command;
}

/** Many containers at a time. */
export interface Crowd {
  /** A container that sleeps, on the default bridge network. */
  start(image: string, name: string): Command;
  /** Prints the names of the running ones, one a line. */
  list(): Command;
  remove(names: string[]): Command;
  /** Command lines of the processes that a running container keeps beside its own. */
  attendant: RegExp;
}

/** What the peers share in one run of the bench. */
export interface World {
  /** A new folder on a real disk: every peer keeps its data below it, on one filesystem. */
  dir: string;
  /** HOST:PORT of the loopback registry that serves the images. */
  registry: string;
  /** Folder with the busybox image's files, for runtimes that know bundles only. */
  rootfs: string;
}
