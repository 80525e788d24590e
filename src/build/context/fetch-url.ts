/** A file from a web server: a context, a Dockerfile, or what ADD names. */
import type { Readable } from "node:stream";
import type { Config } from "../../config.ts";
import { TsrunError } from "../../errors.ts";

export interface FetchOptions {
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** Called with the bytes so far; the total where the server says it. */
  onProgress?: ((current: number, total: number | undefined) => void) | undefined;
}

export interface Fetched {
  /** To be read to its end, or returned from. */
  readonly body: AsyncIterable<Uint8Array>;
  /** As the server names it, or its URL; undefined where neither has a name. */
  readonly fileName: string | undefined;
  readonly lastModified: Date | undefined;
  readonly etag: string | undefined;
  readonly size: number | undefined;
  readonly contentType: string | undefined;
}

/** Throws ERR_TSRUN_DOWNLOAD_FAILED, also while the body is read. */
export async function fetchUrl(config: Config, url: string, options: FetchOptions = {}): Promise<Fetched> {
  const { createTransport } = await import("../../image/transport.ts");
  const { signal, headers } = options;
  const transport = createTransport(config);
  try {
    const response = await transport.request(url, { signal, ...(headers && { headers }) });
    if (response.status !== 200) {
      (response.body as Readable).destroy();
      throw new Error(`the server answers with status ${response.status}`);
    }
    const header = (name: string): string | undefined => response.headers.get(name) ?? undefined;
    const size = header("content-length") === undefined ? undefined : Number(header("content-length"));
    return {
      body: body(),
      fileName: fileNameOf(header("content-disposition"), url),
      lastModified: moment(header("last-modified")),
      etag: header("etag"),
      size,
      contentType: header("content-type"),
    };

    async function* body(): AsyncGenerator<Uint8Array> {
      const { chunksOf } = await import("../../image/transport.ts");
      let current = 0;
      try {
        for await (const chunk of chunksOf(response, transport.policy.stallMs)) {
          current += chunk.length;
          options.onProgress?.(current, size);
          yield chunk;
        }
      } catch (error) {
        throw failure(url, error, signal);
      } finally {
        transport[Symbol.dispose]();
      }
    }
  } catch (error) {
    transport[Symbol.dispose]();
    throw failure(url, error, signal);
  }
}

/** The last part of the URL's path, unless the server says another name (RFC 6266); never a path. */
export function fileNameOf(disposition: string | undefined, url: string): string | undefined {
  const [, quoted, bare] = /;\s*filename=(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(disposition ?? "") ?? [];
  const said = (quoted?.replace(/\\(.)/g, "$1") ?? bare)?.split("/").at(-1);
  const name = said || lastPart(new URL(url).pathname);
  return name === "" || name === "." || name === ".." ? undefined : name;
}

function lastPart(path: string): string {
  const part = path.split("/").at(-1) ?? "";
  try {
    return decodeURIComponent(part).replaceAll("/", "");
  } catch {
    return part;
  }
}

function moment(text: string | undefined): Date | undefined {
  const date = new Date(text ?? "");
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function failure(url: string, error: unknown, signal: AbortSignal | undefined): unknown {
  signal?.throwIfAborted();
  if (error instanceof TsrunError && error.code === "ERR_TSRUN_DOWNLOAD_FAILED") return error;
  return new TsrunError("ERR_TSRUN_DOWNLOAD_FAILED", `cannot download ${url}: ${(error as Error).message}`, {
    hint: "check the URL, the network, and the proxy that the configuration names",
    cause: error,
  });
}
