import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CliResult } from "../support/cli.ts";
import { openTmux, type Tmux } from "../support/tmux.ts";
import { useHost } from "./support/host.ts";

const host = useHost({ pull: [] });
const { output, tsrun, tsrunWith } = host;

let context: string;
beforeEach(() => {
  context = join(host.directory, "context");
  mkdirSync(context);
});
afterEach(() => rmSync(context, { recursive: true }));

/** Files of the context, by name. */
function files(all: Record<string, string>): void {
  for (const [name, text] of Object.entries(all)) {
    const path = join(context, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

const build = (...args: string[]): Promise<CliResult> => tsrun("build", "--network", "none", ...args);
const run = (...args: string[]): Promise<string> => output("run", "--rm", "--network", "none", ...args);

describe("a build", () => {
  const DOCKERFILE =
    "FROM tsrun/base\nWORKDIR /app\nCOPY . .\nRUN cat words > all && echo built\nCMD cat all\n";

  test("makes an image that runs, and says so in lines", async () => {
    files({ Dockerfile: DOCKERFILE, words: "hello\n" });
    const { code, stdout, stderr } = await build("-t", "mine:1", "-t", "other", context);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(stderr).toMatch(/^#\d+ \[internal\] load build definition from Dockerfile$/m);
    expect(stderr).toMatch(
      /^#(\d+) \[4\/4\] RUN cat words > all && echo built\n#\1 \d+\.\d+ built\n#\1 DONE \d+\.\ds$/m,
    );
    expect(await run("mine:1")).toBe("hello");
    expect(await run("other")).toBe("hello");
  });

  test("takes from the cache what has not changed, and only that", async () => {
    files({ Dockerfile: DOCKERFILE, words: "one\n" });
    expect((await build("-t", "cached", context)).code).toBe(0);
    const again = await build("-t", "cached", context);
    expect(again.stderr).toMatch(/\[4\/4\] RUN .*\n#\d+ CACHED$/m);
    files({ words: "two\n" });
    const changed = await build("-t", "cached", context);
    expect(changed.stderr).toMatch(/\[2\/4\] WORKDIR \/app\n#\d+ CACHED$/m);
    expect(changed.stderr).toMatch(/\[4\/4\] RUN .*\n#\d+ [\d.]+ built$/m);
    expect(await run("cached")).toBe("two");
    expect((await build("--no-cache", context)).stderr).toMatch(/^#\d+ [\d.]+ built$/m);
  });

  test("takes from the cache what was done before a step that failed at once", async () => {
    files({ Dockerfile: "FROM tsrun/base\nRUN head -c 16000000 /dev/urandom > /large\nRUN exit 3\n" });
    expect((await build(context)).code).toBe(1);
    expect((await build(context)).stderr).toMatch(/\[2\/3\] RUN head .*\n#\d+ CACHED$/m);
  });

  test("is quiet with -q, and leaves its id in files", async () => {
    files({ Dockerfile: DOCKERFILE, words: "quiet\n" });
    const [iid, metadata] = [join(host.directory, "iid"), join(host.directory, "metadata.json")];
    const result = await build("-q", "-t", "quiet", "--iidfile", iid, "--metadata-file", metadata, context);
    const id = await output("image", "inspect", "-f", "{{.Id}}", "quiet");
    expect(result).toEqual({ code: 0, stdout: `${id}\n`, stderr: "" });
    expect(readFileSync(iid, "utf8")).toBe(id);
    expect(JSON.parse(readFileSync(metadata, "utf8"))).toMatchObject({
      "containerimage.config.digest": id,
      "containerimage.digest": expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      "image.name": "docker.io/library/quiet:latest",
    });
  });

  test("writes BuildKit's documents for programs", async () => {
    files({ Dockerfile: DOCKERFILE, words: "raw\n" });
    const { stderr } = await build("--no-cache", "--progress", "rawjson", context);
    const documents = stderr
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const names = documents.flatMap(({ vertexes = [] }) =>
      vertexes.map(({ name }: { name: string }) => name),
    );
    expect(names).toContain("[3/4] COPY . .");
    const logs = documents.flatMap(({ logs = [] }) => logs.map(({ data }: { data: string }) => data));
    expect(Buffer.concat(logs.map((data) => Buffer.from(data, "base64"))).toString()).toContain("built\n");
  });

  test("shows what failed: its output, its exit code, its line", async () => {
    files({ Dockerfile: "FROM tsrun/base\nRUN echo going; exit 3\nRUN echo never\n" });
    const { code, stderr } = await build("-t", "failed", context);
    expect(code).toBe(1);
    expect(stderr).toContain("------\n > [2/3] RUN echo going; exit 3:\n");
    expect(stderr).toMatch(
      /Dockerfile:2\n-{20}\n +1 \| +FROM tsrun\/base\n +2 \| >>> RUN echo going; exit 3\n +3 \| +RUN echo never\n[\s\S]*-{20}\n/,
    );
    expect(stderr).toContain(
      'process "/bin/sh -c echo going; exit 3" did not complete successfully: exit code: 3\n',
    );
    expect((await tsrun("image", "inspect", "failed")).code).toBe(1);
  });

  test("names what is wrong with the words", async () => {
    files({ Dockerfile: "FROM tsrun/base\nRUM true\n", "empty/file": "" });
    expect(await build(context)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/Dockerfile:2[\s\S]*>>> RUM true[\s\S]*unknown instruction: RUM.*RUN/),
    });
    expect(await build(join(context, "empty"))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("failed to read dockerfile"),
    });
    expect(await build(join(context, "none"))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/path ".*none" not found/),
    });
    expect(await build("--target", "none", context)).toMatchObject({ code: 1 });
    files({ Dockerfile: "FROM tsrun/base\nCOPY reqirements.txt a.log /\n", "requirements.txt": "" });
    expect((await build(context)).stderr).toMatch(
      /Dockerfile:2[\s\S]*"\/reqirements.txt": not found\nhint: did you mean requirements.txt\?\n$/,
    );
    files({ Dockerfile: "FROM tsrun/base\nCOPY a.log /\n", "a.log": "", ".dockerignore": "*.log\n" });
    expect((await build(context)).stderr).toContain("hint: it is there, but .dockerignore leaves it out");
    files({ Dockerfile: "FROM tsrun/base AS builder\nFROM bilder\n" });
    expect((await build(context)).stderr).toMatch(/Dockerfile:2[\s\S]*hint: there is a stage builder\n$/);
    expect(await build("-f", "-", "-")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("can't use stdin for both"),
    });
    expect(await build("--provenance=true", context)).toMatchObject({ code: 125 });
  });
});

describe("a context", () => {
  const COPY = "FROM tsrun/base\nCOPY . /context\nCMD find /context -type f | sort\n";

  test("is without what .dockerignore names", async () => {
    files({
      Dockerfile: COPY,
      ".dockerignore": "*.log\nsecret\n!keep.log\nDockerfile\n.dockerignore\n",
      "a.log": "",
      "keep.log": "",
      "secret/key": "",
      "src/main": "",
      "other.Dockerfile": COPY,
      "other.Dockerfile.dockerignore": "src\n*ocker*\n",
    });
    await build("-t", "ignored", context);
    expect(await run("ignored")).toBe(
      "/context/keep.log\n/context/other.Dockerfile\n/context/other.Dockerfile.dockerignore\n/context/src/main",
    );
    await build("-t", "ignored", "-f", join(context, "other.Dockerfile"), context);
    expect(await run("ignored")).toBe("/context/a.log\n/context/keep.log\n/context/secret/key");
  });

  test("comes from standard input: an archive, a Dockerfile, or a Dockerfile for a directory", async () => {
    files({ Dockerfile: COPY, words: "x\n" });
    const archive = execFileSync("tar", ["-C", context, "-cJ", "."]);
    expect(await tsrunWith({ input: archive }, "build", "-q", "-t", "from-tar", "-")).toMatchObject({
      code: 0,
    });
    expect(await run("from-tar")).toBe("/context/Dockerfile\n/context/words");
    const alone = "FROM tsrun/base\nCMD echo alone\n";
    expect(await tsrunWith({ input: alone }, "build", "-q", "-t", "alone", "-")).toMatchObject({ code: 0 });
    expect(await run("alone")).toBe("alone");
    const other = "FROM tsrun/base\nCOPY words /\nCMD cat /words\n";
    expect(await tsrunWith({ input: other }, "build", "-q", "-t", "both", "-f", "-", context)).toMatchObject({
      code: 0,
    });
    expect(await run("both")).toBe("x");
  });

  test("comes from a URL, and from a repository", async () => {
    files({ "web/Dockerfile": COPY, "web/words": "x\n" });
    const archive = execFileSync("tar", ["-C", join(context, "web"), "-cz", "."]);
    const server = createServer((_, response) => response.end(archive));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/web.tar.gz`;
    expect(await build("-q", "-t", "from-url", url)).toMatchObject({ code: 0 });
    server.close();
    expect(await run("from-url")).toBe("/context/Dockerfile\n/context/words");

    const git = (...args: string[]) =>
      execFileSync("git", ["-C", context, "-c", "user.name=A", "-c", "user.email=a@example.org", ...args]);
    git("init", "-q", "-b", "main");
    git("add", ".");
    git("commit", "-q", "-m", "x");
    execFileSync("git", ["clone", "-q", "--bare", context, join(host.directory, "app.git")]);
    const daemon = host.startShell(
      `exec git daemon --export-all --listen=127.0.0.1 --port=9418 --base-path=${host.directory} --verbose`,
    );
    await daemon.until(/Ready to rumble/);
    try {
      expect(await build("-q", "-t", "from-git", "git://127.0.0.1/app.git#main:web")).toMatchObject({
        code: 0,
      });
    } finally {
      // git runs git-daemon as a child, which ends with its group alone.
      execFileSync("pkill", ["-P", String(daemon.child.pid)]);
      await daemon.result;
    }
    expect(await run("from-git")).toBe("/context/Dockerfile\n/context/words");
  });

  test("has others beside it, by names", async () => {
    files({
      "one/Dockerfile": "FROM base AS x\nCOPY --from=two words /\nCMD cat /words\n",
      "two/words": "two\n",
    });
    const named = [
      "--build-context",
      `two=${join(context, "two")}`,
      "--build-context",
      "base=docker-image://tsrun/base",
    ];
    expect(await build("-q", "-t", "named", ...named, join(context, "one"))).toMatchObject({ code: 0 });
    expect(await run("named")).toBe("two");
  });
});

describe("what comes out", () => {
  const STAGES =
    "FROM tsrun/base AS make\nRUN echo made > /result && chmod 750 /result\nFROM scratch AS files\nCOPY --from=make /result /out/result\nFROM make\nCMD cat /result\n";

  test("is a directory, or an archive of it", async () => {
    files({ Dockerfile: STAGES });
    const out = join(host.directory, "out");
    mkdirSync(out);
    writeFileSync(join(out, "mine"), "stays");
    expect(await build("-o", out, "--target", "files", context)).toMatchObject({ code: 0 });
    expect(readdirSync(out).sort()).toEqual(["mine", "out"]);
    expect(readFileSync(join(out, "out/result"), "utf8")).toBe("made\n");
    expect(statSync(join(out, "out/result")).mode & 0o777).toBe(0o750);
    const { stdout } = await host.shell(`tsrun build -q -o - --target files ${context} | tar -t`);
    expect(stdout).toContain("out/result\n");
    expect(
      await build("-o", `type=tar,dest=${join(host.directory, "out.tar")}`, "--target", "files", context),
    ).toMatchObject({ code: 0 });
    expect(existsSync(join(host.directory, "out.tar"))).toBe(true);
  });

  test("is an archive of the image, which others load, and nothing in the store", async () => {
    files({ Dockerfile: STAGES });
    const archive = join(host.directory, "image.tar");
    expect(await build("-t", "archived:1", "-o", `type=docker,dest=${archive}`, context)).toMatchObject({
      code: 0,
    });
    expect((await tsrun("image", "inspect", "archived:1")).code).toBe(1);
    expect(await output("load", "-i", archive)).toBe("Loaded image: archived:1");
    expect(await run("archived:1")).toBe("made");
  });

  test("is pushed", async () => {
    files({ Dockerfile: STAGES });
    const name = `${host.registry().host}/mine/pushed:1`;
    expect(await build("--push", "-t", name, context)).toMatchObject({ code: 0 });
    await output("rmi", name);
    expect(await run(name)).toBe("made");
  });
});

describe("values", () => {
  test("arguments and environment, labels and targets", async () => {
    files({
      Dockerfile:
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a Dockerfile's
        'ARG BASE=tsrun/base\nFROM $BASE AS first\nARG VERSION=1\nENV VERSION=${VERSION} NAME="a b"\nLABEL version=$VERSION\nENTRYPOINT ["/bin/echo", "entry"]\nCMD ["$VERSION"]\nFROM first\nENTRYPOINT echo "$NAME $VERSION"\n',
    });
    await build("-t", "first", "--target", "first", "--build-arg", "VERSION=2", "--label", "more=x", context);
    expect(await output("image", "inspect", "-f", "{{json .Config.Labels}}", "first")).toBe(
      '{"more":"x","version":"2"}',
    );
    expect(await run("first")).toBe("entry $VERSION");
    expect(await run("first", "other")).toBe("entry other");
    await build("-t", "last", "--build-arg", "BASE=tsrun/base:latest", context);
    expect(await run("last")).toBe("a b 1");
  });
});

describe("on a terminal", () => {
  let terminal: Tmux;
  beforeEach(async () => {
    terminal = await openTmux({ directory: host.directory, env: host.env, columns: 60 });
  });
  afterEach(() => terminal?.close());

  test("steps are drawn while they run, and folded in the end", async () => {
    files({
      Dockerfile:
        'FROM tsrun/base\nRUN --mount=type=bind,from=signal,target=/c echo "at work"; while ! [ -e /c/go ]; do sleep 0.1; done\nCMD ["true"]\n',
    });
    const signal = join(host.directory, "signal");
    mkdirSync(signal);
    await terminal.line(`clear; tsrun build --network none --build-context signal=${signal} ${context}`);
    expect(await terminal.until(/# at work/)).toMatch(/^\[\+\] Building \d+\.\ds \(\d\/\d\)$/m);
    await terminal.keys("C-c");
    expect(await terminal.until(/interrupted by SIGINT[\s\S]*host\$/)).toMatch(/CANCELED \[2\/2\] RUN/);
    writeFileSync(join(signal, "go"), "");
    await terminal.line(`clear; tsrun build --network none --build-context signal=${signal} ${context}`);
    const screen = await terminal.until(/FINISHED[\s\S]*host\$/);
    expect(screen).not.toContain("# at work");
    expect(screen).toMatch(/^ => \[2\/2\] RUN --mount=type=bind.* \d\.\ds$/m);
  });

  test("a shell opens in what a RUN has left", async () => {
    files({ Dockerfile: "FROM tsrun/base\nWORKDIR /work\nENV LEFT=over\nRUN echo $LEFT > it; exit 4\n" });
    await terminal.line(`tsrun build --network none --on-error shell ${context}; echo "code $?"`);
    await terminal.until(/work # *$/);
    await terminal.line("cat it; echo again $LEFT; exit");
    const screen = await terminal.until(/code 1/);
    expect(screen).toContain("again over");
    expect(screen).toMatch(/exit code: 4/);
    expect((await build("--on-error", "shell", context)).stderr).toContain("the input device is not a TTY");
  });
});

describe("the cache", () => {
  test("is shown and pruned", async () => {
    files({ Dockerfile: "FROM tsrun/base\nRUN head -c 100000 /dev/urandom > /random\n" });
    await output("builder", "prune", "-a", "-f");
    await build("-t", "pruned", context);
    expect(await output("builder", "du")).toMatch(/^ID +RECLAIMABLE +SIZE +LAST ACCESSED$/m);
    expect(await output("system", "df", "--format", "{{.Type}} {{.TotalCount}}")).toMatch(
      /^Build Cache [1-9]/m,
    );
    // What an image has in common with it stays without --all.
    const all = await output("builder", "du", "--format", "{{.ID}}");
    await output("builder", "prune", "-f");
    expect(await output("builder", "du", "--format", "{{.ID}}")).toBe(all);
    await output("rmi", "pruned");
    const pruned = await output("builder", "prune", "-a", "-f");
    expect(pruned).toMatch(/^Total:\t\d/m);
    const now = String(Math.ceil(Date.now() / 1000));
    const told = ["--filter", "type=builder", "--format", "{{.Action}} {{.Actor.Attributes.reclaimed}}"];
    expect(await output("events", "--since", "0", "--until", now, ...told)).toMatch(
      /\nprune 0\nprune [1-9]\d{5}$/,
    );
    expect(await output("system", "df", "--format", "{{.Type}} {{.TotalCount}}")).toMatch(/^Build Cache 0$/m);
    expect((await build(context)).stderr).toMatch(/\[2\/2\] RUN .*\n#\d+ DONE/);
  });
});

describe("--check", () => {
  test("reports, builds nothing, and fails where there is something", async () => {
    files({ Dockerfile: "FROM tsrun/base AS Build\nRUN touch /never\nCMD echo hi\n" });
    const { code, stdout } = await build("--check", context);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^Check complete, 2 warnings have been found!\n/);
    expect(stdout).toMatch(
      /\nWARNING: StageNameCasing - https:\/\/\S+\nStage name 'Build' should be lowercase\nDockerfile:1\n-{20}\n +1 \| >>> FROM/,
    );
    expect(stdout).toContain("WARNING: JSONArgsRecommended - ");
    files({ Dockerfile: 'FROM tsrun/base\nCMD ["echo"]\n' });
    expect(await build("--check", context)).toMatchObject({
      code: 0,
      stdout: "Check complete, no warnings found.\n",
    });
  });

  test("is part of each build", async () => {
    files({ Dockerfile: "FROM tsrun/base\nCMD echo hi\n" });
    expect((await build(context)).stderr).toMatch(
      /\n 1 warning found .*\n - JSONArgsRecommended: .* \(line 2\)\n/,
    );
  });
});
