/** What a monitor is told by the socket that it was started with: native/include/orders.h. */
import { constants } from "node:os";
import { checkResult } from "./errors.ts";
import { native } from "./native.ts";

const send = native(
  "int tsrun_send_orders(int socket, const void *orders, int size, const int *fds, int count)",
);

export interface Orders {
  /** The first one is the program's name. */
  arguments: readonly string[];
  /** KEY=VALUE. */
  environment: readonly string[];
  /** They stay the caller's to close. */
  fds: readonly number[];
}

const HEADER_SIZE = 16;
const { EPIPE, ECONNRESET } = constants.errno;
const GONE = [EPIPE, ECONNRESET];

/** Throws SyscallError. That the monitor has gone is no error here: the end of the socket tells of that. */
export function sendOrders(socket: number, { arguments: words, environment, fds }: Orders): void {
  const strings = [...words, ...environment].map((string) => `${string}\0`).join("");
  const size = Buffer.byteLength(strings);
  const orders = Buffer.allocUnsafe(HEADER_SIZE + size);
  [size, words.length, environment.length, fds.length].forEach((number, index) => {
    orders.writeUInt32LE(number, index * 4);
  });
  orders.write(strings, HEADER_SIZE);
  const result: number = send(socket, orders, orders.length, fds, fds.length);
  if (!GONE.includes(-result)) checkResult("sendmsg", result);
}
