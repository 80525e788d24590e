/** Starts a monitor process and hands it a Plan, which it executes (ARCHITECTURE.md, "Processes"). */
import { closeSync, readSync } from "node:fs";
import { nativePath } from "../kernel/native.ts";
import { sendOrders } from "../kernel/orders.ts";
import { beginSpawn, type Spawning, sealedFile, streamSocketPair } from "../kernel/process.ts";
import { shutdown } from "../kernel/sockets.ts";
import type { MonitorClient } from "./monitor-client.ts";
import { encodePlan } from "./plan/encode.ts";
import type { Plan } from "./plan/plan.ts";

/** What the monitor is told beside the Plan; native/monitor/options.h explains each. */
export interface MonitorOptions {
  terminal: boolean;
  stdin: boolean;
  /** Stdin ends when the launcher's connection does. */
  stdinOnce: boolean;
  /** The process is killed where the launcher's connection ends before it. */
  leashed?: boolean;
  /** The record of the end must survive a power failure. */
  durable: boolean;
  stateFile?: string;
  log?: { file: string; maxSize: number; maxFiles: number } | undefined;
  oomCounter?: { file: string; key: string } | undefined;
  /** How the container is started again when it has ended. */
  restart?: MonitorRestart | undefined;
  /** The container's lock, whose file and directory go when nobody needs them any more. */
  lockFile?: string | undefined;
  /** The cgroup whose processes are killed when the first one has ended, where no pid namespace ends with it. */
  members?: string | undefined;
  /** Directories and files that go when the process has ended. */
  rmdir?: readonly string[];
  unlink?: readonly string[];
  health?: MonitorHealth | undefined;
  resolver?: MonitorResolver | undefined;
  ports?: MonitorPorts | undefined;
  /** `onExit` is executed also where the container has ended and is not started again. */
  release?: boolean;
  /** Executed to start the container again; without `restart`, at the end where no client has acknowledged it. */
  onExit?: readonly string[] | undefined;
}

/** Which ends of the process are followed by a start. */
export type RestartCondition = "never" | "always" | "failure";

export interface MonitorRestart {
  condition: RestartCondition;
  /** How often that has happened already. */
  count: number;
  /** Milliseconds to wait first … */
  delay: number;
  /** … and after a run of so many milliseconds. */
  steady: { after: number; delay: number };
  /** The file that says that somebody has stopped the container. */
  stopped: string;
  /** There is no Plan: the monitor begins with the wait. The document is the state if a stop ends it. */
  wait?: string;
}

/** Published ports; native/monitor/ports.h explains them. */
export interface MonitorPorts {
  /** The sockets that hold them, which stay the caller's to close. */
  fds: readonly number[];
  /** Datagrams to NETLINK_NETFILTER that take back what leads to the container. */
  farewell: readonly Buffer[];
  /** The NETLINK_NETFILTER socket to send them by where the monitor's own network namespace is not the ports'; the caller's to close. */
  netlink?: number | undefined;
}

/** What a probe of the container's health does, and when; native/monitor/health.h explains each. Milliseconds. */
export interface MonitorHealth {
  /** Its slots are "init", which the monitor fills, and "cgroup". */
  plan: Plan;
  file: string;
  retries: number;
  interval: number;
  startInterval: number;
  startPeriod: number;
  timeout: number;
  overdue: string;
  cgroup: string | undefined;
  freezer: { file: string; thawed: string } | undefined;
}

/** The container's name server, whose sockets the monitor keeps; native/monitor/resolver.h explains each. */
export interface MonitorResolver {
  directory: string;
  command: readonly string[];
  /** They stay the caller's to close. Without them the container may get some while it runs (lendSockets). */
  fds?: readonly [udp: number, tcp: number] | undefined;
}

/** Whose process it is, which ps(1) shows. */
export interface Summons {
  /** The container's. */
  id: string;
  /** Where it listens to clients; without it to its launcher alone. */
  socketDir?: string;
  /** The container's lock, which the monitor shares from now on. */
  lockFd: number;
}

/** What a monitor is to do. */
export interface Launch {
  plan: Plan;
  /** The descriptors for the Plan's slots by name; they stay the caller's to close. */
  fds: Readonly<Record<string, number>>;
  monitor: MonitorOptions;
  /** KEY=VALUE, for the monitor and the program that it becomes in the end. */
  env: string[];
  /** This process is there for this container and ends by exitProcess(): a thread may listen to the monitor. */
  solitary?: boolean | undefined;
}

/** A monitor that waits to be told what to do; disposed of, it goes without having done anything. */
export interface Summoned extends Disposable {
  /** What becomes of the Plan is told by the client's `started`. */
  launch(orders: Launch): Promise<MonitorClient>;
}

/** Starts a monitor, which boots beside what its caller does before it knows the Plan. */
export function summonMonitor({ id, socketDir, lockFd }: Summons): Summoned {
  const words = ["tsrun-monitor", "--id", id, ...(socketDir ? ["--socket-dir", socketDir] : [])];
  const program = nativePath("tsrun-monitor");
  const [ours, theirs] = streamSocketPair();
  const spawning = beginMonitor(program, [...words, "--orders"], { lockFd, ours, theirs });
  let isArriving = true;
  const arrive = (): void => {
    if (!isArriving) return;
    isArriving = false;
    try {
      spawning.wait();
    } finally {
      closeSync(theirs);
    }
  };
  let isWaiting = true;
  const dispose = (): void => {
    if (!isWaiting) return;
    isWaiting = false;
    try {
      arrive();
    } catch {
      // Nobody wants it any more.
    }
    dismiss(ours);
  };
  return {
    async launch(orders) {
      try {
        command(ours, words, { ...orders, arrive });
      } catch (error) {
        dispose();
        throw error;
      }
      isWaiting = false;
      // Loaded now that the monitor is at work.
      const { adoptMonitorSocket } = await import("./monitor-client.ts");
      return adoptMonitorSocket(ours, (orders.solitary ?? false) && !orders.monitor.stdin);
    },
    [Symbol.dispose]: dispose,
  };
}

/** Closes both ends where no monitor comes of it. */
function beginMonitor(
  program: string,
  words: string[],
  { lockFd, ours, theirs }: { lockFd: number; ours: number; theirs: number },
): Spawning {
  try {
    return beginSpawn(program, words, { env: [], fds: [lockFd, theirs] });
  } catch (error) {
    closeSync(ours);
    closeSync(theirs);
    throw error;
  }
}

/** The same where there is nothing to do meanwhile. */
export function launch(orders: Launch & Summons): Promise<MonitorClient> {
  return summonMonitor(orders).launch(orders);
}

/** The Plan is put into its form while the monitor is still on its way; orders are sent to one that has arrived. */
function command(
  socket: number,
  words: string[],
  { plan, fds, monitor, env, arrive }: Launch & { arrive: () => void },
): void {
  const sealed: number[] = [];
  const seal = (name: string, content: Buffer): number => {
    const fd = sealedFile(name, content);
    sealed.push(fd);
    return fd;
  };
  try {
    const { health, resolver, ports } = monitor;
    const orders = {
      arguments: [...words, ...monitorArguments(monitor, plan.fds.length)],
      environment: env,
      fds: [
        seal("tsrun-plan", encodePlan(plan)),
        ...plan.fds.map((name) => slotDescriptor(fds, name)),
        ...(health ? [seal("tsrun-health", encodePlan(health.plan))] : []),
        ...(resolver?.fds ?? []),
        ...(ports ? [seal("tsrun-ports", recordsOf(ports.farewell)), ...ports.fds] : []),
        ...(ports?.netlink === undefined ? [] : [ports.netlink]),
      ],
    };
    arrive();
    sendOrders(socket, orders);
  } finally {
    for (const fd of sealed) closeSync(fd);
  }
}

/** Returns when a monitor without orders is gone, and with it its share of the lock. */
function dismiss(socket: number): void {
  shutdown(socket, "write");
  try {
    readSync(socket, Buffer.alloc(1));
  } catch {
    // ECONNRESET: it has gone with half of its orders unread.
  }
  closeSync(socket);
}

function slotDescriptor(fds: Launch["fds"], name: string): number {
  const fd = fds[name];
  if (fd === undefined) throw new RangeError(`no descriptor for the slot ${name}`);
  return fd;
}

/** Where the descriptors of the Plan's slots begin: PLAN_FIRST_FD in native/monitor/options.h. */
const FIRST_SLOT_FD = 7;

function monitorArguments(options: MonitorOptions, planFds: number): string[] {
  const { log, oomCounter, restart, health, resolver, ports } = options;
  // What else there is follows the slots.
  const healthFd = FIRST_SLOT_FD + planFds;
  const resolverFd = healthFd + (health ? 1 : 0);
  const portsFd = resolverFd + (resolver?.fds?.length ?? 0);
  return [
    ...["--plan-fds", String(planFds)],
    ...(options.terminal ? ["--terminal"] : []),
    ...(options.stdin ? ["--stdin"] : []),
    ...(options.stdinOnce ? ["--stdin-once"] : []),
    ...(options.leashed ? ["--leashed"] : []),
    ...(options.durable ? ["--durable"] : []),
    ...(options.stateFile ? ["--state", options.stateFile] : []),
    ...(log
      ? ["--log", log.file, "--log-size", String(log.maxSize), "--log-files", String(log.maxFiles)]
      : []),
    ...(oomCounter ? ["--oom-file", oomCounter.file, "--oom-key", oomCounter.key] : []),
    ...(restart ? restartArguments(restart) : []),
    ...(options.release ? ["--release"] : []),
    ...(options.lockFile ? ["--lock", options.lockFile] : []),
    ...(options.members ? ["--members", options.members] : []),
    ...(options.rmdir ?? []).flatMap((path) => ["--rmdir", path]),
    ...(options.unlink ?? []).flatMap((path) => ["--unlink", path]),
    ...(health ? healthArguments(health, healthFd) : []),
    ...(resolver ? resolverArguments(resolver, resolverFd) : []),
    ...(ports ? portsArguments(ports, portsFd) : []),
    ...(options.onExit ? ["--", ...options.onExit] : []),
  ];
}

function portsArguments({ fds, netlink }: MonitorPorts, farewell: number): string[] {
  return [
    ...["--ports-farewell", String(farewell), "--ports-held", String(fds.length)],
    ...(netlink === undefined ? [] : ["--ports-netlink", String(farewell + 1 + fds.length)]),
  ];
}

/** Each datagram after its length, 32 bits. */
const recordsOf = (datagrams: readonly Buffer[]): Buffer =>
  Buffer.concat(
    datagrams.flatMap((datagram) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(datagram.length);
      return [length, datagram];
    }),
  );

function healthArguments(health: MonitorHealth, planFd: number): string[] {
  const { cgroup, freezer } = health;
  return [
    ...["--health-plan", String(planFd), "--health-file", health.file],
    ...["--health-retries", String(health.retries), "--health-interval", String(health.interval)],
    ...["--health-start-interval", String(health.startInterval)],
    ...["--health-start-period", String(health.startPeriod)],
    ...["--health-timeout", String(health.timeout), "--health-overdue", health.overdue],
    ...(cgroup === undefined ? [] : ["--health-cgroup", cgroup]),
    ...(freezer === undefined ? [] : ["--health-freezer", freezer.file, "--health-thawed", freezer.thawed]),
  ];
}

/** Its sockets follow the Plan of a probe, or the lock. */
function resolverArguments({ directory, command, fds }: MonitorResolver, firstFd: number): string[] {
  return [
    ...["--resolver", directory],
    ...(fds ? ["--resolver-fd", String(firstFd)] : []),
    ...command.flatMap((word) => ["--resolver-command", word]),
  ];
}

function restartArguments({ condition, count, delay, steady, stopped, wait }: MonitorRestart): string[] {
  return [
    ...(condition === "never" ? [] : ["--restart-on", condition]),
    ...["--restart-count", String(count), "--restart-delay", String(delay)],
    ...["--steady-after", String(steady.after), "--steady-delay", String(steady.delay)],
    ...["--stopped", stopped],
    ...(wait === undefined ? [] : ["--wait", wait]),
  ];
}
