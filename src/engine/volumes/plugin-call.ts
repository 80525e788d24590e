/** One call of a plugin: a POST of JSON, over a unix socket, TCP with or without TLS, or to a program started for it. */
import { closeSync, readFileSync } from "node:fs";
import type { RequestOptions } from "node:http";
import { TsrunError } from "../../errors.ts";
import { spawnDetached, streamSocketPair } from "../../kernel/process.ts";
import type { PluginEndpoint, PluginTls } from "./plugin-discovery.ts";

/** What docker asks plugins for; they look at no other header. */
const MEDIA_TYPE = "application/vnd.docker.plugins.v1.2+json";
/** Mounting a share may wait for a server. */
const TIMEOUT_MS = 60_000;
const MAX_REPLY = 16 * 1024 * 1024;

/** The reply's JSON document; ERR_TSRUN_VOLUME_DRIVER_FAILED where there is no such reply. */
export async function callPlugin(
  name: string,
  endpoint: PluginEndpoint,
  { method, request }: { method: string; request: object },
): Promise<unknown> {
  try {
    const { status, text } = await post(endpoint, method, JSON.stringify(request));
    if (status === 200) return text === "" ? {} : JSON.parse(text);
    throw new Error(messageOf(text) || `it answers with status ${status}`);
  } catch (cause) {
    const { message } = cause as Error;
    throw new TsrunError("ERR_TSRUN_VOLUME_DRIVER_FAILED", `${method}: plugin ${name}: ${message}`, {
      hint: "see that the volume driver runs, and look into its log",
      cause,
    });
  }
}

async function post(
  endpoint: PluginEndpoint,
  method: string,
  body: string,
): Promise<{ status: number; text: string }> {
  const isTls = endpoint.kind === "url" && endpoint.url.startsWith("https:");
  const { request } = isTls ? await import("node:https") : await import("node:http");
  const options: RequestOptions = {
    method: "POST",
    path: `/${method}`,
    headers: { Accept: MEDIA_TYPE, "Content-Type": MEDIA_TYPE, "Content-Length": Buffer.byteLength(body) },
    agent: false,
    signal: AbortSignal.timeout(TIMEOUT_MS),
    ...(await wayTo(endpoint)),
  };
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > MAX_REPLY) sent.destroy(new Error("its reply has no end"));
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

async function wayTo(endpoint: PluginEndpoint): Promise<object> {
  switch (endpoint.kind) {
    case "socket":
      return { socketPath: endpoint.path, host: "plugin" };
    case "program": {
      const { Socket } = await import("node:net");
      const fd = startProgram(endpoint.path);
      // An agent would connect by itself.
      return { host: "plugin", agent: undefined, createConnection: () => new Socket({ fd }) };
    }
    default: {
      const { protocol, hostname, port } = new URL(endpoint.url);
      return { protocol, hostname, port, ...(endpoint.tls && tlsOptions(endpoint.tls)) };
    }
  }
}

/** Returns this side of the socket that the program serves; it ends when this end is closed. */
function startProgram(path: string): number {
  const [ours, theirs] = streamSocketPair();
  try {
    // A script's interpreter opens it by its name, which spawnDetached() does not execute it by; env(1) does.
    spawnDetached("/usr/bin/env", ["env", path], {
      env: [`PATH=${process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin"}`],
      fds: [theirs],
    });
    return ours;
  } catch (error) {
    closeSync(ours);
    throw error;
  } finally {
    closeSync(theirs);
  }
}

function tlsOptions({ insecureSkipVerify, caFile, certFile, keyFile }: PluginTls): object {
  return {
    rejectUnauthorized: !insecureSkipVerify,
    ...(caFile && { ca: readFileSync(caFile) }),
    ...(certFile && { cert: readFileSync(certFile) }),
    ...(keyFile && { key: readFileSync(keyFile) }),
  };
}

/** Errors come as {"Err": …} with any status, or as text. */
function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { Err?: string }).Err ?? text.trim();
  } catch {
    return text.trim();
  }
}
