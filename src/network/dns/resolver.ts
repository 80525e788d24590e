/**
 * The resolver: one process that answers the questions of all containers of a run directory. Their monitors lend it
 * their sockets (native/monitor/resolver.h); each loan lasts as long as its connection.
 *
 * It keeps nothing. Where it is killed, a monitor starts another, and the questions of the meantime wait in the sockets.
 */
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { acceptDescriptors, type Delivery } from "../../kernel/sockets.ts";
import { openDirectory } from "./directory.ts";
import type { Server } from "./exchange.ts";
import { createForwarders } from "./forward.ts";
import { type NetworkKind, openNames } from "./names.ts";
import { type Client, serve } from "./serve.ts";

/** What the resolver has to be told about a container, beside where it is on networks. */
export interface ClientSettings {
  /** Name servers for what is no container's name. */
  servers(): readonly Server[];
  /** Its resolv.conf says ndots:N with N above 0. */
  ndots: boolean;
}

export interface ResolverOptions {
  /** The listening socket that monitors connect to. */
  listener: number;
  /** <run>/networks. */
  networksDir: string;
  /** undefined where there is no such container. */
  settingsOf(containerId: string): ClientSettings | undefined;
  /** undefined where there is no such network. */
  kindOf(networkId: string): NetworkKind | undefined;
}

/** How long nobody may need it before it ends: containers often come one after the other. */
const LINGER_MS = 1_000;
const SOCKETS = 2;

/** Answers until the last container is gone. */
export async function runResolver(options: ResolverOptions): Promise<void> {
  const codec = await import("dns-packet");
  const directory = openDirectory(options.networksDir);
  const openForwarder = createForwarders();
  const idle = Promise.withResolvers<void>();
  let leases = 0;
  let timer = setTimeout(idle.resolve, LINGER_MS);

  function clientOf(containerId: string): Client | undefined {
    const settings = options.settingsOf(containerId);
    if (settings === undefined) return undefined;
    const names = openNames(directory, { containerId, kindOf: (id) => options.kindOf(id) });
    return {
      codec,
      forwarder: openForwarder(),
      names,
      servers: () => (names.leadsOut() ? settings.servers() : []),
      ndots: settings.ndots,
    };
  }

  function admit(delivery: Delivery): void {
    let client: Client | undefined;
    try {
      client = clientOf(delivery.text);
    } catch {
      // Its record cannot be read: that shall not end the others' service. Its monitor tries again.
    }
    if (client === undefined) {
      for (const fd of [delivery.connection, ...delivery.fds]) closeSync(fd);
      return;
    }
    clearTimeout(timer);
    leases++;
    void hold(client, delivery).finally(() => {
      leases--;
      if (leases === 0) timer = setTimeout(idle.resolve, LINGER_MS);
    });
  }

  await Promise.race([acceptForever(options.listener, admit), idle.promise]);
}

async function acceptForever(listener: number, admit: (delivery: Delivery) => void): Promise<never> {
  for (;;) admit(await acceptDescriptors(listener, SOCKETS));
}

/** Serves a container until its monitor closes the connection. */
async function hold(client: Client, { connection, fds }: Delivery): Promise<void> {
  const [udp = -1, tcp = -1] = fds;
  using _serving = serve(client, { udp, tcp });
  const monitor = new Socket({ fd: connection, readable: true });
  const ended = Promise.withResolvers<void>();
  monitor.on("error", () => monitor.destroy());
  monitor.on("close", () => ended.resolve());
  monitor.resume();
  await ended.promise;
}
