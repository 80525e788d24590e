/**
 * A netlink socket: requests go out several in one send(2), and the kernel has carried all of them out when that call
 * returns (it processes netlink synchronously, so a signal cannot stop it between two of them). Each request is
 * acknowledged on its own; later ones are carried out even where an earlier one failed.
 */
import { closeSync } from "node:fs";
import { check, checkResult, errnoName, SyscallError } from "./errors.ts";
import { hostNetwork } from "./host-network.ts";
import { libc } from "./libc.ts";
import { native } from "./native.ts";
import {
  decodeAttributes,
  decodeMessages,
  decodeString,
  encodeMessage,
  type NetlinkMessage,
  type NetlinkRequest,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
} from "./netlink-message.ts";

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_RAW_CLOEXEC = 0x80003;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;

/** The kernel answers before send(2) returns; this only keeps a lost answer from hanging a command for ever. */
const ANSWER_TIMEOUT_SECONDS = 10n;
/** The kernel sizes the parts of a dump by the receiver's buffer, up to 32 KiB. */
const RECEIVE_SIZE = 32 * 1024;

const socket = libc("int socket(int domain, int type, int protocol)");
const netnsSockets = native("int tsrun_netns_sockets(int nsfd, const int *kinds, _Out_ int *fds, int count)");
const setsockopt = libc("int setsockopt(int fd, int level, int name, const void *value, uint32_t length)");
const send = libc("long send(int fd, const void *buffer, size_t length, int flags)");
const recv = libc("long recv(int fd, void *buffer, size_t length, int flags)");

/** A request that the kernel refused; `reason` is its own explanation where it gives one (NETLINK_EXT_ACK). */
export class NetlinkError extends SyscallError {
  readonly reason: string | undefined;

  constructor(request: NetlinkRequest, errno: number, reason: string | undefined) {
    super(request.operation, errno, request.subject);
    this.name = "NetlinkError";
    this.reason = reason;
    if (reason !== undefined) this.message += ` (${reason})`;
  }
}

export type NetlinkOutcome =
  | { readonly error: undefined; readonly replies: NetlinkMessage[] }
  | { readonly error: NetlinkError };

export interface NetlinkSocket extends Disposable {
  readonly fd: number;
  /** Sends all requests at once; throws the first one's error, otherwise returns each one's replies. */
  request(...requests: NetlinkRequest[]): NetlinkMessage[][];
  /** Sends all requests at once and reports on each. */
  attempt(...requests: NetlinkRequest[]): NetlinkOutcome[];
  /** A request with NLM_F_DUMP: every entry, from one consistent state. */
  dump(request: NetlinkRequest): NetlinkMessage[];
}

/** A socket of the network namespace in which the containers' bridges are, hostNetwork(). */
export function openNetlink(family: number): NetlinkSocket {
  const netns = hostNetwork();
  if (netns !== undefined) {
    const fds = [-1];
    checkResult("socket", netnsSockets(netns, [AF_NETLINK, SOCK_RAW, family], fds, 1), "netlink");
    return wrapNetlink(fds[0] as number);
  }
  return openOwnNetlink(family);
}

/** A socket of this process's own network namespace, which hostNetwork() may not be. */
export function openOwnNetlink(family: number): NetlinkSocket {
  return wrapNetlink(check("socket", () => socket(AF_NETLINK, SOCK_RAW_CLOEXEC, family)));
}

/** Takes over an open netlink socket, which may belong to another network namespace. */
export function wrapNetlink(fd: number): NetlinkSocket {
  setOptions(fd);
  let sequence = 0;
  let open = true;
  const buffer = Buffer.allocUnsafeSlow(RECEIVE_SIZE);

  function attempt(requests: NetlinkRequest[], flags: number): NetlinkOutcome[] {
    const first = sequence + 1;
    const bytes = Buffer.concat(
      requests.map((request) =>
        encodeMessage(request, request.unanswered ? flags & ~NLM_F_ACK : flags, ++sequence),
      ),
    );
    check("send", () => send(fd, bytes, bytes.length, 0), "netlink");

    const outcomes: (NetlinkOutcome | undefined)[] = requests.map(({ unanswered }) =>
      unanswered ? { error: undefined, replies: [] } : undefined,
    );
    const replies: NetlinkMessage[][] = requests.map(() => []);
    for (let missing = outcomes.filter((outcome) => outcome === undefined).length; missing > 0; ) {
      const length = check("recv", () => recv(fd, buffer, buffer.length, 0), "netlink");
      // The replies outlive the buffer, which the next recv(2) overwrites.
      for (const message of decodeMessages(Buffer.from(buffer.subarray(0, length)))) {
        const index = message.sequence - first;
        const request = requests[index];
        if (request === undefined || outcomes[index] !== undefined) continue;
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
          const error = refusal(request, message);
          outcomes[index] = error ? { error } : { error, replies: replies[index] ?? [] };
          missing--;
        } else {
          replies[index]?.push(message);
        }
      }
    }
    return outcomes as NetlinkOutcome[];
  }

  return {
    fd,
    attempt: (...requests) => attempt(requests, NLM_F_REQUEST | NLM_F_ACK),
    request(...requests) {
      return attempt(requests, NLM_F_REQUEST | NLM_F_ACK).map(repliesOf);
    },
    dump(request) {
      for (;;) {
        const entries = attempt([request], NLM_F_REQUEST | NLM_F_DUMP).flatMap(repliesOf);
        if (!entries.some(({ flags }) => flags & NLM_F_DUMP_INTR)) return entries;
      }
    },
    [Symbol.dispose]() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

/** The replies of a request that succeeded; throws the error of one that did not. */
export function repliesOf(outcome: NetlinkOutcome): NetlinkMessage[] {
  if (outcome.error !== undefined) throw outcome.error;
  return outcome.replies;
}

function setOptions(fd: number): void {
  const on = Buffer.from([1, 0, 0, 0]);
  for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
    check("setsockopt", () => setsockopt(fd, SOL_NETLINK, option, on, on.length), "netlink");
  }
  const timeval = Buffer.alloc(16);
  timeval.writeBigInt64LE(ANSWER_TIMEOUT_SECONDS);
  check("setsockopt", () => setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeval, timeval.length), "netlink");
}

/** struct nlmsgerr {s32 -errno, header of the request, attributes}; NLMSG_DONE ends a dump with the s32 alone. */
function refusal(request: NetlinkRequest, message: NetlinkMessage): NetlinkError | undefined {
  const errno = message.body.length < 4 ? 0 : -message.body.readInt32LE(0);
  if (errno === 0 || request.tolerate?.includes(errnoName(errno))) return undefined;
  return new NetlinkError(request, errno, extendedAck(message));
}

function extendedAck({ type, flags, body }: NetlinkMessage): string | undefined {
  if ((flags & NLM_F_ACK_TLVS) === 0) return undefined;
  if (type === NLMSG_DONE) return decodeString(decodeAttributes(body.subarray(4)).get(NLMSGERR_ATTR_MSG));
  const echoed = (flags & NLM_F_CAPPED) !== 0 ? 16 : (body.readUInt32LE(4) + 3) & ~3;
  return decodeString(decodeAttributes(body.subarray(4 + echoed)).get(NLMSGERR_ATTR_MSG));
}
