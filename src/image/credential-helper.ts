/**
 * Programs that keep credentials: docker-credential-NAME, by the protocol of docker-credential-helpers. They are the
 * users' own choice and speak to keychains that only they know, which is why a program is run here.
 *
 *     get     server's URL on stdin          {"ServerURL", "Username", "Secret"} on stdout
 *     store   the same document on stdin
 *     erase   server's URL on stdin
 *
 * A failure is told on stdout, with an exit code other than 0. No shell is involved.
 */
import { TsrunError } from "../errors.ts";

export interface CredentialHelper {
  /** "docker-credential-pass". */
  program: string;
  /** What names it, for errors: 'credsStore in /root/.docker/config.json'. */
  namedBy: string;
}

export interface HelperCredentials {
  ServerURL: string;
  /** "<token>" where the secret is an identity token. */
  Username: string;
  Secret: string;
}

type Action = "get" | "store" | "erase";

/** Longer than any secret, less than what would hurt. */
const OUTPUT_LIMIT = 1024 * 1024;

/** What the helper keeps for a server; undefined where it has nothing. */
export async function getFromHelper(
  helper: CredentialHelper,
  server: string,
  signal?: AbortSignal,
): Promise<HelperCredentials | undefined> {
  const result = await run(helper, { action: "get", server, input: server, signal });
  if (result.failed && isNotFound(result.said)) return undefined;
  const { Username, Secret } = parse(succeeded(helper, { action: "get", server }, result));
  if (typeof Username !== "string" || typeof Secret !== "string")
    throw failure(helper, "get", server, { said: "it answers without Username and Secret" });
  return { ServerURL: server, Username, Secret };
}

export async function storeInHelper(helper: CredentialHelper, credentials: HelperCredentials): Promise<void> {
  const request = { action: "store", server: credentials.ServerURL } as const;
  succeeded(helper, request, await run(helper, { ...request, input: JSON.stringify(credentials) }));
}

/** False where there was nothing to erase. */
export async function eraseFromHelper(helper: CredentialHelper, server: string): Promise<boolean> {
  const request = { action: "erase", server } as const;
  const result = await run(helper, { ...request, input: server });
  if (result.failed && isNotFound(result.said)) return false;
  succeeded(helper, request, result);
  return true;
}

interface Request {
  action: Action;
  server: string;
  input: string;
  signal?: AbortSignal | undefined;
}

interface Result {
  failed: boolean;
  said: string;
  cause?: unknown;
}

async function run(helper: CredentialHelper, { action, server, input, signal }: Request): Promise<Result> {
  const { execFile } = await import("node:child_process");
  const options = { maxBuffer: OUTPUT_LIMIT, ...(signal && { signal }) };
  return await new Promise((resolve, reject) => {
    const child = execFile(helper.program, [action], options, (error, stdout, stderr) => {
      if (error === null) return resolve({ failed: false, said: stdout });
      if (signal?.aborted) return reject(signal.reason);
      if (error.code === "ENOENT" || error.code === "EACCES") return reject(missing(helper, error));
      if (typeof error.code === "string") return reject(failure(helper, action, server, { cause: error }));
      resolve({ failed: true, said: stdout.trim() || stderr.trim(), cause: error });
    });
    // One that fails may not read its input.
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}

/** The protocol has no other sign of it than these words (docker-credential-helpers, credentials/error.go). */
const isNotFound = (said: string): boolean => said.trim() === "credentials not found in native keychain";

function succeeded(helper: CredentialHelper, request: Omit<Request, "input">, result: Result): string {
  if (result.failed) throw failure(helper, request.action, request.server, result);
  return result.said;
}

function parse(text: string): Partial<HelperCredentials> {
  try {
    return (JSON.parse(text) as Partial<HelperCredentials> | null) ?? {};
  } catch {
    return {};
  }
}

function missing({ program, namedBy }: CredentialHelper, cause: unknown): TsrunError {
  return new TsrunError(
    "ERR_TSRUN_CREDENTIAL_HELPER_MISSING",
    `the credential helper ${program} cannot be run: it is not in PATH, or not executable`,
    { hint: `install ${program}, or remove it from ${namedBy} and log in again with \`tsrun login\``, cause },
  );
}

function failure(
  { program, namedBy }: CredentialHelper,
  action: Action,
  server: string,
  { said, cause }: { said?: string; cause?: unknown },
): TsrunError {
  const reason = said?.split("\n", 1)[0] || (cause as Error | undefined)?.message || "it said nothing";
  return new TsrunError(
    "ERR_TSRUN_CREDENTIAL_HELPER_FAILED",
    `the credential helper ${program} failed to ${action} the credentials of ${server}: ${reason}`,
    {
      hint: `try it by hand: echo ${server} | ${program} get; or remove it from ${namedBy} and log in again`,
      cause,
    },
  );
}
