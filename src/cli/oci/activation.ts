/** What a service manager tells whom it starts, by variables. */

type Environment = Readonly<Record<string, string | undefined>>;

/** Sockets that a service manager has opened for what this process starts (sd_listen_fds(3)). */
export function listenFds(env: Environment = process.env): number {
  const { LISTEN_PID, LISTEN_FDS = "" } = env;
  return LISTEN_PID === String(process.pid) && /^\d+$/.test(LISTEN_FDS) ? Number(LISTEN_FDS) : 0;
}

/** The socket at which it wants to hear when that is ready (sd_notify(3)). */
export function notifySocket({ NOTIFY_SOCKET }: Environment = process.env): string | undefined {
  return NOTIFY_SOCKET || undefined;
}
