/** What --ssh names, as agents. */
import { readFileSync, type Stats, statSync } from "node:fs";
import { TsrunError } from "../../errors.ts";
import type { SshSource } from "../types.ts";
import { type Agent, agentAt, agentOfKeys } from "./agent.ts";
import { type Identity, identityOf } from "./identity.ts";
import { KeyError } from "./openssh-key.ts";

/** No private key is longer. */
const MAX_KEY = 100 * 1024;
const WANTED = "name an agent's socket, or private keys as ssh-keygen writes them";

/** By their ids. Reads all keys, so that a build does not begin whose keys are no use. Throws ERR_TSRUN_SSH_INVALID. */
export function openAgents(sources: readonly SshSource[]): ReadonlyMap<string, Agent> {
  return new Map(sources.map((source) => [source.id, openAgent(source)]));
}

function openAgent({ id, paths }: SshSource): Agent {
  const given = paths.length > 0 ? paths : [process.env["SSH_AUTH_SOCK"] ?? ""];
  const sockets = given.filter((path) => statOf(id, path).isSocket());
  const [socket] = sockets;
  if (socket === undefined) return agentOfKeys(given.map((path) => readKey(id, path)));
  if (given.length === 1) return agentAt(socket);
  throw invalid(id, "an agent's socket cannot go with others", "give one socket, or keys alone");
}

function statOf(id: string, path: string): Stats {
  if (path === "") throw invalid(id, "SSH_AUTH_SOCK is not set", "start an agent, or name a key");
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw invalid(id, `${path}: no such file or directory`, WANTED);
  return stat;
}

function readKey(id: string, path: string): Identity {
  const stat = statOf(id, path);
  if (!stat.isFile() || stat.size > MAX_KEY) throw invalid(id, `${path} is no private key`, WANTED);
  const text = readFileSync(path, "utf8");
  try {
    return identityOf(text);
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    throw unusable(id, path, { text, error });
  }
}

function unusable(id: string, path: string, { text, error }: { text: string; error: KeyError }): TsrunError {
  if (error.reason === "encrypted") {
    const hint = `add it to an agent, which asks for its passphrase: ssh-add ${path}; then --ssh ${id}`;
    return invalid(id, `${path} is encrypted`, hint, error);
  }
  if (/^(ssh-|ecdsa-|sk-)\S+ AAAA/.test(text)) {
    const name = path.replace(/\.pub$/, "");
    return invalid(id, `${path} is a public key`, `name the private one: --ssh ${id}=${name}`, error);
  }
  if (error.reason === "kind") {
    const hint = `ed25519, RSA and ECDSA keys are read; for others give an agent's socket: --ssh ${id}`;
    return invalid(id, `${path} cannot be used: ${error.message}`, hint, error);
  }
  return invalid(id, `${path} is no private key`, WANTED, error);
}

function invalid(id: string, message: string, hint: string, cause?: unknown): TsrunError {
  return new TsrunError("ERR_TSRUN_SSH_INVALID", `ssh ${id}: ${message}`, { hint, exitCode: 1, cause });
}
