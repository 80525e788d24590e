/** Frames between a monitor and its clients: native/include/frames.h. */

export const HEADER_SIZE = 8;
/** Largest payload of one frame, in bytes. */
export const FRAME_MAX = 32768;
/** How much of stdin may be under way before the monitor has given credit back. */
export const STDIN_WINDOW = 65536;

/** The step of a failure that concerns none: the process ran, but its state document could not be written. */
export const NO_STEP = 0xffffffff;

export const FRAME = {
  stdin: 1,
  closeStdin: 2,
  resize: 3,
  signal: 4,
  continue: 5,
  ack: 6,
  stopping: 7,
  restart: 8,
  unlink: 9,
  resolver: 10,
  events: 11,
  stdout: 16,
  stderr: 17,
  started: 18,
  failed: 19,
  exited: 20,
  waiting: 21,
  credit: 22,
} as const;

/** A frame whose payload is unsigned 32-bit numbers. */
export function numberFrame(type: number, ...numbers: number[]): Buffer {
  const frame = Buffer.alloc(HEADER_SIZE + numbers.length * 4);
  frame.writeUInt32LE(type, 0);
  frame.writeUInt32LE(numbers.length * 4, 4);
  numbers.forEach((number, index) => {
    frame.writeUInt32LE(number, HEADER_SIZE + index * 4);
  });
  return frame;
}

/** A frame around data of at most FRAME_MAX bytes. */
export function dataFrame(type: number, data: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_SIZE + data.length);
  frame.writeUInt32LE(type, 0);
  frame.writeUInt32LE(data.length, 4);
  frame.set(data, HEADER_SIZE);
  return frame;
}

/** Cuts a byte stream into frames: feed it chunks, it calls back for each complete frame. */
export function frameParser(onFrame: (type: number, payload: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    let data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (data.length >= HEADER_SIZE) {
      const end = HEADER_SIZE + data.readUInt32LE(4);
      if (data.length < end) break;
      onFrame(data.readUInt32LE(0), data.subarray(HEADER_SIZE, end));
      data = data.subarray(end);
    }
    rest = data;
  };
}
