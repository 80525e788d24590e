/** Network namespaces, network_namespaces(7), made and entered without moving any of Node's own threads. */
import { closeSync } from "node:fs";
import { constants } from "node:os";
import { checkResult, SyscallError } from "./errors.ts";
import { native } from "./native.ts";
import { type NetlinkSocket, wrapNetlink } from "./netlink.ts";

const tsrunNetnsBegin = native("void *tsrun_netns_begin()");
const tsrunNetnsEnd = native("int tsrun_netns_end(void *task, _Out_ int *fds, _Out_ const char **call)");
const tsrunNetnsSocket = native("int tsrun_netns_socket(int nsfd)");

/** A namespace that lives as long as a process runs in it or a descriptor such as `fd` refers to it. */
export interface NetworkNamespace extends Disposable {
  /** For setns(2) and IFLA_NET_NS_FD; close-on-exec. */
  readonly fd: number;
  /** A rtnetlink socket inside it. */
  readonly route: NetlinkSocket;
}

/** A new namespace with nothing in it but a loopback link that is up. Disposing it closes the descriptors only. */
export const createNetworkNamespace = (): NetworkNamespace => beginNetworkNamespace().take();

/** A namespace that is being made. Disposed of where nobody has taken it. */
export interface BegunNetworkNamespace extends Disposable {
  /** Waits for it; to be called once. Throws SyscallError where it could not be made. */
  take(): NetworkNamespace;
}

/** createNetworkNamespace() beside what else its caller does, since it takes the kernel long. */
export function beginNetworkNamespace(): BegunNetworkNamespace {
  const task: unknown = tsrunNetnsBegin();
  if (task === null) throw new SyscallError("pthread_create", constants.errno.EAGAIN);
  let isTaken = false;
  const take = (): NetworkNamespace => {
    isTaken = true;
    const fds: [number, number] = [-1, -1];
    const call: [string] = [""];
    const result = tsrunNetnsEnd(task, fds, call);
    checkResult(call[0], result, "network namespace");
    return namespace(...fds);
  };
  return {
    take,
    [Symbol.dispose]() {
      if (isTaken) return;
      try {
        take()[Symbol.dispose]();
      } catch {
        // Nobody wanted it any more.
      }
    },
  };
}

/** The namespace that an open descriptor (of /proc/PID/ns/net) refers to; takes the descriptor over. */
export function openNetworkNamespace(fd: number): NetworkNamespace {
  return namespace(fd, checkResult("setns", tsrunNetnsSocket(fd), "network namespace"));
}

function namespace(fd: number, routeFd: number): NetworkNamespace {
  let route: NetlinkSocket | undefined;
  let open = true;
  return {
    fd,
    /** Set up when it is first needed: without interfaces to make it never is. */
    get route() {
      route ??= wrapNetlink(routeFd);
      return route;
    },
    [Symbol.dispose]() {
      if (!open) return;
      open = false;
      if (route === undefined) closeSync(routeFd);
      else route[Symbol.dispose]();
      closeSync(fd);
    },
  };
}
