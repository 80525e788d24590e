/** A layer's bytes as one continuous source over connections that break: each new one continues where the last ended. */
import { TsrunError } from "../errors.ts";
import { free, isWhole } from "../store/free.ts";
import type { Descriptor } from "./manifest.ts";
import { classify, StatusError } from "./registry-error.ts";
import { type OnRetry, pause, type RetryPolicy } from "./retry.ts";
import { chunksOf, type HttpResponse } from "./transport.ts";

export interface BlobSourceOptions {
  descriptor: Descriptor;
  /** Asks for the blob from byte `offset` on; the registry may answer with all of it (200) all the same. */
  open(offset: number): Promise<HttpResponse>;
  policy: RetryPolicy;
  onRetry?: OnRetry | undefined;
  signal?: AbortSignal | undefined;
}

/** A connection that ended properly, but too early. */
class BrokenTransferError extends Error {
  readonly code = "EBROKEN";
}

/**
 * Yields exactly `descriptor.size` bytes, each piece to be used before the next is asked for. They are not verified
 * here: who unpacks them takes their digest.
 * `policy.attempts` counts tries in a row that brought nothing.
 */
export async function* blobSource(options: BlobSourceOptions): AsyncGenerator<Uint8Array> {
  const { descriptor, open, policy, onRetry, signal } = options;
  const what = `layer ${descriptor.digest.slice(7, 19)}`;
  let received = 0;
  let failures = 0;
  let ranges = true;
  while (received < descriptor.size) {
    try {
      const response = await open(ranges ? received : 0);
      let skip = received - firstByte(response);
      for await (const chunk of chunksOf(response, policy.stallMs)) {
        const fresh = skip === 0 ? chunk : chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - fresh.length;
        if (fresh.length === 0) continue;
        received += fresh.length;
        if (received > descriptor.size) throw tooLong(what, descriptor.size);
        failures = 0;
        yield fresh;
        if (isWhole(chunk)) free(chunk);
      }
      if (received < descriptor.size) {
        throw new BrokenTransferError(`connection ended after ${received} of ${descriptor.size} bytes`);
      }
    } catch (error) {
      // How a connection ends does not matter once everything has come over it.
      if (received === descriptor.size) return;
      if (ranges && error instanceof StatusError && error.status === 416) {
        ranges = false;
        continue;
      }
      failures++;
      await pause(error, failures, { what, policy, classify, onRetry, signal });
    }
  }
}

/** Offset of the first byte of an answer; registries that know no ranges begin at 0. */
function firstByte(response: HttpResponse): number {
  if (response.status !== 206) return 0;
  const start = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
  return start === undefined ? 0 : Number(start);
}

function tooLong(what: string, size: number): TsrunError {
  return new TsrunError("ERR_TSRUN_SIZE_MISMATCH", `${what}: more than the announced ${size} bytes arrived`, {
    hint: "the registry, a mirror or a proxy in between altered it; nothing was kept",
  });
}
