import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startRegistry, type TestRegistry } from "../support/registry.ts";
import { openTmux, type Tmux } from "../support/tmux.ts";
import { useHost } from "./support/host.ts";
import { busyboxImage } from "./support/images.ts";

const host = useHost({ pull: [] });
const { output, tsrun, tsrunWith } = host;
const authFile = join(host.directory, ".docker", "config.json");
const auth = Buffer.from("moby:dick").toString("base64");
const warning = `
WARNING! Your credentials are stored unencrypted in '${authFile}'.
Configure a credential helper to remove this warning. See
https://docs.docker.com/go/credential-store/

`;
let guarded: TestRegistry;

beforeAll(async () => {
  guarded = await startRegistry({ user: "moby", password: "dick" });
  await guarded.pushImage("private", ["1"], busyboxImage());
});
afterAll(() => guarded?.stop());
beforeEach(() => rmSync(join(host.directory, ".docker"), { recursive: true, force: true }));

describe("login", () => {
  test("--password-stdin: kept for docker too, and good for pulls; logout forgets it", async () => {
    const refused = await tsrun("pull", `${guarded.host}/private:1`);
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`tsrun login ${guarded.host}`),
    });
    const login = ["login", "-u", "moby", "--password-stdin", guarded.host];
    expect(await tsrunWith({ input: "dick\n" }, ...login)).toEqual({
      code: 0,
      stdout: "Login Succeeded\n",
      stderr: warning,
    });
    expect(JSON.parse(readFileSync(authFile, "utf8"))).toEqual({ auths: { [guarded.host]: { auth } } });
    expect(statSync(authFile).mode & 0o777).toBe(0o600);
    await output("pull", "-q", `${guarded.host}/private:1`);
    expect(await output("run", "--rm", "--network", "none", `${guarded.host}/private:1`, "echo", "in")).toBe(
      "in",
    );

    expect(await tsrun("login", guarded.host)).toEqual({
      code: 0,
      stdout: "Authenticating with existing credentials... [Username: moby]\nLogin Succeeded\n",
      stderr: "",
    });
    expect(await output("logout", guarded.host)).toBe(`Removing login credentials for ${guarded.host}`);
    expect(await output("logout", guarded.host)).toBe(`Not logged in to ${guarded.host}`);
    expect(JSON.parse(readFileSync(authFile, "utf8"))).toEqual({ auths: {} });
  });

  test("is understood by others, and theirs by tsrun", async () => {
    const login = ["login", "-u", "moby", "--password-stdin", guarded.host];
    const theirs = join(host.directory, "theirs.json");
    const skopeo = (line: string) => host.shell(`skopeo ${line}`);
    const inspect = `inspect --tls-verify=false --authfile ${authFile} docker://${guarded.host}/private:1`;
    await tsrunWith({ input: "dick" }, ...login);
    expect(await skopeo(inspect)).toMatchObject({ code: 0, stdout: expect.stringContaining('"Digest"') });
    await skopeo(`login --tls-verify=false --authfile ${theirs} -u moby -p dick ${guarded.host}`);
    await output("logout", guarded.host);
    host.configure({ "registry-mirrors": [host.registry().url], "auth-file": theirs });
    try {
      await output("pull", "-q", `${guarded.host}/private:1`);
    } finally {
      host.configure({ "registry-mirrors": [host.registry().url] });
    }
  });

  test("-p is warned of, in docker's words", async () => {
    expect(await tsrun("login", "-u", "moby", "-p", "dick", guarded.host)).toEqual({
      code: 0,
      stdout: "Login Succeeded\n",
      stderr: `WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n${warning}`,
    });
  });

  test("a wrong password is refused and nothing is kept", async () => {
    const wrong = await tsrunWith(
      { input: "wrong" },
      "login",
      "-u",
      "moby",
      "--password-stdin",
      guarded.host,
    );
    expect(wrong).toMatchObject({ code: 1, stdout: "" });
    expect(wrong.stderr).toContain(`login attempt to ${guarded.host} failed: unauthorized`);
    expect(existsSync(authFile)).toBe(false);
  });

  test.each([
    [["--password-stdin"], "Must provide --username with --password-stdin"],
    [["-u", "moby", "-p", "x", "--password-stdin"], "--password and --password-stdin are mutually exclusive"],
    [["-u", "moby", "--password-stdin"], "password is empty"],
    [["-u", "moby"], "Cannot perform an interactive login from a non TTY device"],
    [[], "Cannot perform an interactive login from a non TTY device"],
  ])("%j is refused", async (flags, message) => {
    const { code, stderr } = await tsrun("login", ...flags, guarded.host);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) });
  });

  test("credentials that do not hold any more are said to, and asked for", async () => {
    mkdirSync(join(host.directory, ".docker"));
    const old = Buffer.from("moby:old").toString("base64");
    writeFileSync(authFile, JSON.stringify({ auths: { [guarded.host]: { auth: old } } }));
    const { code, stderr } = await tsrun("login", guarded.host);
    expect(code).toBe(1);
    expect(stderr).toMatch(/Login did not succeed, error: .*unauthorized[\s\S]*non TTY device/);
  });

  test("a credential helper keeps it: no warning, and no secret in the file", async () => {
    const helper = join(host.directory, "bin", "docker-credential-e2e");
    const kept = join(host.directory, "kept");
    writeFileSync(
      helper,
      `#!/bin/sh\ncase $1 in store) cat > ${kept};; get) cat > /dev/null; cat ${kept};; erase) rm ${kept};; esac\n`,
      { mode: 0o755 },
    );
    mkdirSync(join(host.directory, ".docker"));
    writeFileSync(authFile, JSON.stringify({ credsStore: "e2e" }));
    const login = ["login", "-u", "moby", "--password-stdin", guarded.host];
    expect(await tsrunWith({ input: "dick" }, ...login)).toEqual({
      code: 0,
      stdout: "Login Succeeded\n",
      stderr: "",
    });
    expect(readFileSync(authFile, "utf8")).not.toContain(auth);
    expect(JSON.parse(readFileSync(kept, "utf8"))).toMatchObject({ Username: "moby", Secret: "dick" });
    await output("pull", "-q", `${guarded.host}/private:1`);
    await output("logout", guarded.host);
    expect(existsSync(kept)).toBe(false);
    rmSync(helper);
    const missing = await tsrunWith({ input: "dick" }, ...login);
    expect(missing).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("docker-credential-e2e cannot be run"),
    });
  });
});

describe("login at a terminal", () => {
  let terminal: Tmux;
  beforeEach(async () => {
    terminal = await openTmux({ directory: host.directory, env: host.env });
  });
  afterEach(() => terminal?.close());

  test("asks for both, and shows the user name only", async () => {
    await terminal.line(`clear; tsrun login ${guarded.host}; echo code=$?; stty | grep -c -- '-echo '`);
    await terminal.until(/Username: $|Username:$/);
    await terminal.line("moby");
    await terminal.until(/Password:/);
    // A slip of the fingers is taken back.
    await terminal.type("dicx");
    await terminal.keys("BSpace");
    await terminal.line("k");
    const screen = await terminal.until(/code=0\n0/);
    expect(screen).toContain("Username: moby\n");
    expect(screen).toContain("Login Succeeded");
    expect(screen).not.toMatch(/dic/);
    expect(JSON.parse(readFileSync(authFile, "utf8")).auths).toEqual({ [guarded.host]: { auth } });
  });

  test("Ctrl-C at the password ends it, and the terminal echoes again", async () => {
    await terminal.line(
      `clear; tsrun login -u moby ${guarded.host}; echo code=$?; stty | grep -c -- '-echo '`,
    );
    await terminal.until(/Password:/);
    await terminal.keys("C-c");
    await terminal.until(/code=130\n0/);
    expect(existsSync(authFile)).toBe(false);
  });
});
