/** Sockets that a service manager has opened for what this process starts (sd_listen_fds(3)). */
export function listenFds(env: Readonly<Record<string, string | undefined>> = process.env): number {
  const { LISTEN_PID, LISTEN_FDS = "" } = env;
  return LISTEN_PID === String(process.pid) && /^\d+$/.test(LISTEN_FDS) ? Number(LISTEN_FDS) : 0;
}
