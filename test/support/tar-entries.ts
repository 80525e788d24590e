/** What is in a tar archive, by tsrun's own reader. */
import { type TarEntry, TarReader } from "../../src/store/unpack/tar-reader.ts";

export interface ReadEntry extends TarEntry {
  data: string;
}

export async function tarEntries(archive: AsyncIterable<Uint8Array>): Promise<ReadEntry[]> {
  const entries: ReadEntry[] = [];
  const reader = new TarReader({
    entry: (entry) => void entries.push({ ...entry, data: "" }),
    data(chunk, start, end) {
      const last = entries.at(-1);
      if (last) last.data += chunk.toString("latin1", start, end);
    },
    end() {},
  });
  for await (const chunk of archive) reader.push(Buffer.from(chunk));
  reader.finish();
  return entries;
}
