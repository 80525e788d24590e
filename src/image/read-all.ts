/** Small documents out of responses, with a limit on what a registry can make us hold. */
import { TsrunError } from "../errors.ts";
import { chunksOf, type HttpResponse } from "./transport.ts";

export interface ReadOptions {
  /** Bytes. */
  limit: number;
  /** Names the document in errors. */
  what: string;
  stallMs: number;
}

/** @throws TsrunError ERR_TSRUN_DOCUMENT_TOO_LARGE */
export async function readAll(
  response: HttpResponse,
  { limit, what, stallMs }: ReadOptions,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunksOf(response, stallMs)) {
    size += chunk.length;
    if (size > limit) {
      throw new TsrunError("ERR_TSRUN_DOCUMENT_TOO_LARGE", `${what} is larger than ${limit} bytes`, {
        hint: "no sane image has one so large; the registry is broken or hostile",
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
