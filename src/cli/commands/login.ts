import type { LoginResult } from "../../engine/api.ts";
import { TsrunError } from "../../errors.ts";
import { type Arguments, type Context, command } from "../command.ts";
import { flag, value } from "../option-table.ts";
import { promptHidden, promptLine } from "../prompt.ts";

const options = {
  password: value("Password or Personal Access Token (PAT)", { short: "p" }),
  "password-stdin": flag("Take the Password or Personal Access Token (PAT) from stdin"),
  username: value("Username", { short: "u" }),
};

const HUB_WORDS = `Log in with your Docker ID or email address to push and pull images from Docker Hub. \
If you don't have a Docker ID, head over to https://hub.docker.com/ to create one.
`;

export default command({
  summary: "Authenticate to a registry (Docker Hub by default)",
  usage: "[OPTIONS] [SERVER]",
  forms: ["login"],
  examples: [
    "tsrun login",
    "tsrun login -u me --password-stdin ghcr.io < token.txt",
    "tsrun login localhost:5000  # asks for the user and the password",
  ],
  arguments: { min: 0, max: 1 },
  interspersed: true,
  options,
  run,
});

async function run(
  { options: flags, positionals: [server] }: Arguments<typeof options>,
  context: Context,
): Promise<number> {
  const engine = await context.engine();
  const target = server === undefined ? {} : { server };
  const given = await fromFlags(flags, context);
  if (given.username === undefined && given.password === undefined && (await again(target, context)))
    return 0;
  const credentials = await complete(given, server, context);
  finish(await engine.registries.login({ ...target, credentials }), context);
  return 0;
}

interface Given {
  username?: string | undefined;
  password?: string | undefined;
}

async function fromFlags(
  { username, password, "password-stdin": fromStdin }: Arguments<typeof options>["options"],
  context: Context,
): Promise<Given> {
  if (password !== undefined) {
    context.err("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
    if (fromStdin) throw invalid("--password and --password-stdin are mutually exclusive");
    if (password === "") throw invalid("password is empty");
  }
  if (!fromStdin) return { username, password };
  if (!username) throw invalid("Must provide --username with --password-stdin");
  let text = "";
  for await (const chunk of context.terminal.input().setEncoding("utf8")) text += chunk;
  const piped = text.replace(/\r?\n$/, "");
  if (piped === "") throw invalid("password is empty");
  return { username, password: piped };
}

/** Tries the credentials that are kept already; false where they are none, or none that do. */
async function again(target: { server?: string }, context: Context): Promise<boolean> {
  const engine = await context.engine();
  const known = await engine.registries.knownLogin(target.server);
  if (known === undefined) return false;
  const user = known.username === "" ? "" : ` [Username: ${known.username}]`;
  context.out(`Authenticating with existing credentials...${user}\n`);
  try {
    finish(await engine.registries.login(target), context);
    return true;
  } catch (error) {
    if (!(error instanceof TsrunError) || error.code !== "ERR_TSRUN_LOGIN_DENIED") throw error;
    context.err(`Login did not succeed, error: ${error.message}\n`);
    return false;
  }
}

/** Asks for what the flags leave out. */
async function complete(
  { username, password }: Given,
  server: string | undefined,
  context: Context,
): Promise<{ username: string; password: string }> {
  if (username && password !== undefined) return { username, password };
  if (!context.terminal.isTerminal(0)) {
    throw new TsrunError(
      "ERR_TSRUN_NOT_A_TERMINAL",
      "Cannot perform an interactive login from a non TTY device",
      { hint: "give the user with -u and the password with --password-stdin" },
    );
  }
  if (server === undefined) context.out(HUB_WORDS);
  const user = username || (await promptLine("Username: ", context)).trim();
  if (user === "") throw invalid("username is required");
  const secret = password ?? (await promptHidden("Password: ", context));
  if (secret === "") throw invalid("password is required");
  return { username: user, password: secret };
}

function finish({ store }: LoginResult, context: Context): void {
  if (store !== undefined && "file" in store) {
    context.err(
      `\nWARNING! Your credentials are stored unencrypted in '${store.file}'.\n` +
        "Configure a credential helper to remove this warning. See\n" +
        "https://docs.docker.com/go/credential-store/\n\n",
    );
  }
  context.out("Login Succeeded\n");
}

const invalid = (message: string): TsrunError => new TsrunError("ERR_TSRUN_USAGE", message, { exitCode: 1 });
