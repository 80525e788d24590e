/** A change in a tar header is refused for its checksum before anything else looks at it: make them right again. */
const BLOCK = 512;
const MAGIC = 257;
const CHECKSUM = { at: 148, length: 8 };

export function withChecksums(archive: Buffer): Buffer {
  const output = Buffer.from(archive);
  for (let at = 0; at + BLOCK <= output.length; at += BLOCK) {
    const header = output.subarray(at, at + BLOCK);
    if (header.toString("latin1", MAGIC, MAGIC + 5) !== "ustar") continue;
    header.fill(" ", CHECKSUM.at, CHECKSUM.at + CHECKSUM.length);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, CHECKSUM.at, "latin1");
  }
  return output;
}
