/** What a build has from elsewhere: repositories of a git server, and keys of its caller's. */
import { execFileSync, spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type BuildOptions, build } from "../../src/index.ts";
import { IMAGE, useEngine } from "../support/engine.ts";

const host = useEngine();
const { engine, directory } = host;

/** Builds a Dockerfile into a directory, and tells which instructions were executed. */
async function built(
  dockerfile: string,
  options: Partial<BuildOptions> = {},
): Promise<{ out: string; executed: string[]; output: string }> {
  const context = mkdtempSync(join(directory, "context-"));
  const out = mkdtempSync(join(directory, "out-"));
  writeFileSync(join(context, "Dockerfile"), dockerfile);
  const names = new Map<number, string>();
  const executed = new Set<number>();
  let output = "";
  await build(engine, {
    context: { kind: "directory", path: context },
    network: "none",
    outputs: [{ type: "local", directory: out }],
    onEvent(event) {
      if (event.type === "step") names.set(event.step, event.name);
      else if (event.type === "started") executed.add(event.step);
      else if (event.type === "cached") executed.delete(event.step);
      else if (event.type === "output") output += event.data.toString();
    },
    ...options,
  });
  const own = [...executed].map((step) => names.get(step) ?? "").filter((name) => /\] (ADD|RUN)/.test(name));
  return { out, executed: own.map((name) => name.replace(/^\[.*?\] /, "")), output };
}

describe("ADD of a repository", () => {
  const repositories = () => join(directory, "git");
  /** "ls-refs" and "fetch", in the order in which the server was asked. */
  let asked: string[] = [];
  let server: Server;
  let url: string;
  let first: string;

  const git = (name: string, ...args: string[]): string =>
    execFileSync(
      "git",
      ["-C", join(repositories(), name), "-c", "user.name=Ann", "-c", "user.email=ann@example.org", ...args],
      { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] },
    ).trim();

  function commit(name: string, files: Record<string, string>): string {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(join(repositories(), name, path, ".."), { recursive: true });
      writeFileSync(join(repositories(), name, path), content);
    }
    git(name, "add", ".");
    git(name, "commit", "-q", "-m", Object.keys(files).join(" "));
    return git(name, "rev-parse", "HEAD");
  }

  beforeAll(async () => {
    for (const name of ["part", "app"]) {
      mkdirSync(join(repositories(), name), { recursive: true });
      git(name, "init", "-q", "-b", "main");
    }
    server = createServer((request, response) => {
      void backend(request, response, { root: repositories(), heard: (command) => asked.push(command) });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/app/.git`;
    commit("part", { "part.txt": "part\n" });
    first = commit("app", { "README.md": "one\n", "web/index.html": "first\n" });
    git("app", "tag", "-a", "-m", "one", "v1");
    commit("app", { "web/index.html": "second\n" });
  });
  afterAll(() => server.close());
  beforeEach(() => {
    asked = [];
  });

  test("has the files of a commit, or of a directory of it, and no .git", async () => {
    const { out } = await built(
      `FROM scratch\nADD ${url} /head\nADD ${url}#v1 /tag/\nADD --chown=7:8 ${url}#${first}:web /web\n`,
    );
    const read = (path: string): string => readFileSync(join(out, path), "utf8");
    expect([read("head/web/index.html"), read("tag/web/index.html"), read("web/index.html")]).toEqual([
      "second\n",
      "first\n",
      "first\n",
    ]);
    expect(readdirSync(join(out, "head")).sort()).toEqual(["README.md", "web"]);
  });

  test("is taken from the cache by its commit, for which nothing is fetched", async () => {
    const dockerfile = `FROM ${IMAGE}\nADD ${url}#main /app\nRUN cat /app/web/index.html\n`;
    expect((await built(dockerfile)).executed).toHaveLength(2);
    expect(asked).toContain("fetch");
    asked = [];
    expect((await built(dockerfile)).executed).toEqual([]);
    // Another name of the same commit.
    expect((await built(dockerfile.replace("#main", ""))).executed).toEqual([]);
    expect([...new Set(asked)]).toEqual(["ls-refs"]);
    asked = [];
    const pinned = dockerfile.replace("#main", `#${git("app", "rev-parse", "main")}`);
    expect((await built(pinned)).executed).toEqual([]);
    expect(asked).toEqual([]);
    commit("app", { "web/index.html": "third\n" });
    const { executed, output } = await built(dockerfile);
    expect({ count: executed.length, output }).toEqual({ count: 2, output: "third\n" });
    expect((await built(dockerfile.replace("ADD", "ADD --keep-git-dir"))).executed).toHaveLength(2);
  });

  test("keeps .git where that is asked for: what it is a version of, and nothing of this host", async () => {
    const { out } = await built(`FROM scratch\nADD --keep-git-dir=true ${url}#v1 /app\n`);
    const app = join(out, "app");
    const say = (...args: string[]): string =>
      execFileSync("git", ["-c", "safe.directory=*", "-C", app, ...args], { encoding: "utf8" }).trim();
    expect(say("describe", "--tags")).toBe("v1");
    expect(say("rev-parse", "HEAD")).toBe(first);
    expect(say("remote", "get-url", "origin")).toBe(url);
    expect(say("status", "--porcelain")).toBe("");
    for (const name of ["hooks", "logs", "FETCH_HEAD"])
      expect(existsSync(join(app, ".git", name))).toBe(false);
  });

  test("has its submodules, and nothing that leads to the repositories they came from", async () => {
    const part = url.replace("/app/", "/part/");
    git("app", "update-index", "--add", "--cacheinfo", `160000,${git("part", "rev-parse", "HEAD")},part`);
    const modules = `[submodule "part"]\n\tpath = part\n\turl = ${part}\n`;
    writeFileSync(join(repositories(), "app/.gitmodules"), modules);
    git("app", "add", ".gitmodules");
    git("app", "commit", "-q", "-m", "part");
    const { out } = await built(`FROM scratch\nADD ${url} /app\n`);
    expect(readdirSync(join(out, "app/part"))).toEqual(["part.txt"]);
  });

  test("is held against a checksum", async () => {
    const good = `FROM scratch\nADD --checksum=${first} ${url}#v1 /app\n`;
    expect((await built(good)).executed).toHaveLength(1);
    const wrong = good.replace("#v1", "#main");
    for (let time = 0; time < 2; time++) {
      await expect(built(wrong)).rejects.toMatchObject({
        code: "ERR_TSRUN_BUILD_FAILED",
        message: expect.stringMatching(new RegExp(`expected checksum to match ${first}, got [0-9a-f]{40}`)),
        range: { start: { line: 2 } },
      });
    }
    await expect(built(good.replace(`=${first}`, "=main"))).rejects.toThrow('invalid checksum "main"');
    await expect(built(`FROM scratch\nADD --checksum=${first} Dockerfile /\n`)).rejects.toThrow(
      "checksum requires HTTP(S) or Git sources",
    );
    await expect(built(`FROM scratch\nADD --checksum=${first} ${url} ${url}#v1 /x/\n`)).rejects.toThrow(
      "checksum can't be specified for multiple sources",
    );
  });

  test("that is not there is named, without the password that is in its URL", async () => {
    const secret = url.replace("//", "//ann:opensesame@").replace("/app/", "/nothing/");
    const failure = await built(`FROM scratch\nADD ${secret} /app\n`).catch((error: Error) => error);
    expect(failure).toMatchObject({ code: "ERR_TSRUN_BUILD_FAILED", range: { start: { line: 2 } } });
    expect((failure as Error).message).toContain("git ls-remote failed");
    expect((failure as Error).message).not.toContain("opensesame");
    const kept = await built(
      `FROM scratch\nADD --keep-git-dir=true ${url.replace("//", "//ann:opensesame@")} /app\n`,
    );
    const found = readdirSync(kept.out, { recursive: true, withFileTypes: true }).filter(
      (file) => file.isFile() && readFileSync(join(file.parentPath, file.name)).includes("opensesame"),
    );
    expect(found).toEqual([]);
    await expect(built(`FROM scratch\nADD ${url}#nowhere /app\n`)).rejects.toThrow(/nowhere/);
  });
});

/** git http-backend(1), which speaks CGI (RFC 3875). */
async function backend(
  request: IncomingMessage,
  response: ServerResponse,
  { root, heard }: { root: string; heard: (command: string) => void },
): Promise<void> {
  const { pathname, search } = new URL(request.url ?? "/", "http://localhost");
  const header = (name: string): string => String(request.headers[name] ?? "");
  const body: Buffer[] = [];
  for await (const chunk of request) body.push(chunk as Buffer);
  const sent = Buffer.concat(body);
  const plain = header("content-encoding") === "gzip" ? gunzipSync(sent) : sent;
  const command = /command=([a-z-]+)/.exec(plain.toString("latin1"))?.[1];
  if (command !== undefined) heard(command);
  const child = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "safe.directory",
      GIT_CONFIG_VALUE_0: "*",
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: header("content-type"),
      CONTENT_LENGTH: String(plain.length),
      GIT_PROTOCOL: header("git-protocol"),
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.stdin.on("error", () => {});
  child.stdin.end(plain);
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer);
  const answer = Buffer.concat(chunks);
  const end = answer.indexOf("\r\n\r\n");
  const lines = answer.subarray(0, end).toString().split("\r\n");
  const headers = lines.map((line) => line.split(/: /, 2) as [string, string]);
  const status = headers.find(([name]) => name === "Status")?.[1] ?? "200";
  response.writeHead(Number.parseInt(status, 10), Object.fromEntries(headers));
  response.end(answer.subarray(end + 4));
}

describe("RUN --mount=type=ssh", () => {
  /** Programs of this host with the libraries they need, for a root that has none. */
  function toolbox(...programs: string[]): string {
    const tools = mkdtempSync(join(directory, "tools-"));
    for (const program of programs) {
      const path = execFileSync("which", [program], { encoding: "utf8" }).trim();
      copyFileSync(path, join(tools, program));
      const lines = execFileSync("ldd", [path], { encoding: "utf8" }).split("\n");
      for (const line of lines) {
        const library = /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1];
        if (library === undefined) continue;
        const name = library.split("/").at(-1) as string;
        copyFileSync(library, join(tools, name.startsWith("ld-") ? "loader" : name));
      }
    }
    return tools;
  }

  test("signs with keys that are files, and with an agent's, without their coming in", async () => {
    const tools = toolbox("ssh-add", "ssh-keygen");
    const keys = ["one", "two"].map((name) => {
      const path = join(directory, name);
      const kind = name === "one" ? ["-t", "ed25519"] : ["-t", "rsa", "-b", "2048"];
      execFileSync("ssh-keygen", ["-q", "-N", "", "-C", "ann@example.org", ...kind, "-f", path]);
      copyFileSync(`${path}.pub`, join(tools, `${name}.pub`));
      return path;
    }) as [string, string];
    const socket = join(directory, "agent");
    const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: ["ignore", "pipe", "ignore"] });
    try {
      await new Promise((resolve) => agent.stdout.once("data", resolve));
      execFileSync("ssh-add", ["-q", keys[1]], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
      const script = [
        'run() { program=$1; shift; /tools/loader --library-path /tools /tools/$program "$@"; }',
        "echo first $SSH_AUTH_SOCK",
        "run ssh-add -L",
        "echo -n message | run ssh-keygen -Y sign -n file -f /tools/one.pub > /one",
        "export SSH_AUTH_SOCK=/run/buildkit/ssh_agent.1",
        "run ssh-add -L",
        "echo -n message | run ssh-keygen -Y sign -n file -f /tools/two.pub > /two",
        "run ssh-add -D || echo refused",
      ].join("\n");
      const mounts = "--mount=type=bind,from=tools,target=/tools --mount=type=ssh --mount=type=ssh,id=mine";
      const { out, output } = await built(
        `FROM ${IMAGE} AS all\nRUN ${mounts} <<EOF\n${script}\nEOF\nFROM scratch\nCOPY --from=all /one /two /\n`,
        {
          namedContexts: { tools },
          ssh: [
            { id: "default", paths: [keys[0]] },
            { id: "mine", paths: [socket] },
          ],
        },
      );
      const [one, two] = keys.map((path) => readFileSync(`${path}.pub`, "utf8").trim());
      expect(output).toContain(`first /run/buildkit/ssh_agent.0\n${one?.replace(/ ann.*/, "")}`);
      expect(output).toContain(`${two}\n`);
      expect(output).toContain("refused\n");
      for (const name of ["one", "two"]) {
        const check = ["-Y", "check-novalidate", "-n", "file", "-s", join(out, name)];
        expect(execFileSync("ssh-keygen", check, { input: "message", encoding: "utf8" })).toMatch(/^Good /);
      }
      const still = execFileSync("ssh-add", ["-L"], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
      expect(still.toString()).toContain(two);
    } finally {
      agent.kill();
    }
  });

  test("is there only where it was given, and has to be where it is required", async () => {
    const file = (mount: string): string =>
      `FROM ${IMAGE}\nRUN --mount=type=ssh${mount} echo "[$SSH_AUTH_SOCK]"\n`;
    expect((await built(file(""))).output).toBe("[]\n");
    await expect(built(file(",id=deploy,required=true"))).rejects.toMatchObject({
      message: "unset ssh forward key deploy",
      hint: "give it with --ssh deploy",
    });
    const encrypted = join(directory, "encrypted");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "passphrase", "-f", encrypted]);
    await expect(built(file(""), { ssh: [{ id: "default", paths: [encrypted] }] })).rejects.toMatchObject({
      code: "ERR_TSRUN_SSH_INVALID",
    });
  });
});
