/**
 * Layers that a registry does not have because it may not distribute them: the descriptor's `urls` say where they are
 * to be had (image-spec descriptor.md). Whoever serves them, they are verified by their digest like all others.
 */
import type { Descriptor } from "./manifest.ts";
import { StatusError, statusError } from "./registry-error.ts";
import type { HttpRequest, HttpResponse, Transport } from "./transport.ts";

/** Whether to look for a layer elsewhere, after the registry's answer. */
export const isElsewhere = ({ urls = [] }: Descriptor, error: unknown): boolean =>
  urls.length > 0 && error instanceof StatusError && [403, 404].includes(error.status);

/** The answer of the first of the layer's URLs that serves it. The registry's credentials are not for them. */
export async function openForeignLayer(
  { urls = [] }: Descriptor,
  transport: Transport,
  request: Pick<HttpRequest, "headers" | "signal">,
): Promise<HttpResponse> {
  let failure: unknown;
  for (const url of urls) {
    try {
      const response = await transport.request(url, request);
      if (response.status === 200 || response.status === 206) return response;
      failure = await statusError(response, transport.policy.stallMs);
    } catch (error) {
      request.signal?.throwIfAborted();
      failure = error;
    }
  }
  throw failure;
}
