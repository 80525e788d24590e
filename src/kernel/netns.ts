/** Network namespaces, network_namespaces(7), made and entered without moving any of Node's own threads. */
import { closeSync } from "node:fs";
import { checkResult } from "./errors.ts";
import { native } from "./native.ts";
import { type NetlinkSocket, wrapNetlink } from "./netlink.ts";

const tsrunNetnsCreate = native("int tsrun_netns_create(_Out_ int *fds)");
const tsrunNetnsSocket = native("int tsrun_netns_socket(int nsfd)");

/** A namespace that lives as long as a process runs in it or a descriptor such as `fd` refers to it. */
export interface NetworkNamespace extends Disposable {
  /** For setns(2) and IFLA_NET_NS_FD; close-on-exec. */
  readonly fd: number;
  /** A rtnetlink socket inside it. */
  readonly route: NetlinkSocket;
}

/** A new namespace with nothing in it but a loopback link that is down. Disposing it closes the descriptors only. */
export function createNetworkNamespace(): NetworkNamespace {
  const fds: [number, number] = [-1, -1];
  checkResult("unshare", tsrunNetnsCreate(fds), "network namespace");
  return namespace(...fds);
}

/** The namespace that an open descriptor (of /proc/PID/ns/net) refers to; takes the descriptor over. */
export function openNetworkNamespace(fd: number): NetworkNamespace {
  return namespace(fd, checkResult("setns", tsrunNetnsSocket(fd), "network namespace"));
}

function namespace(fd: number, routeFd: number): NetworkNamespace {
  const route = wrapNetlink(routeFd);
  let open = true;
  return {
    fd,
    route,
    [Symbol.dispose]() {
      route[Symbol.dispose]();
      if (open) closeSync(fd);
      open = false;
    },
  };
}
