import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openGit, resolveGit } from "../../../../src/build/context/git.ts";
import { isGitUrl, parseGitUrl } from "../../../../src/build/context/git-url.ts";

describe("a git URL", () => {
  it.each([
    "git://example.org/app",
    "ssh://git@example.org/app",
    "git@github.com:owner/app",
    "https://example.org/app.git",
    "https://example.org/app.git#main:web",
    "http://example.org/app.git?ref=main",
    "github.com/owner/app",
  ])("is %s", (text) => expect(isGitUrl(text)).toBe(true));

  it.each([
    "https://example.org/app",
    "https://example.org/app.gitx",
    "./app.git",
    "app",
    "https://x/y?a=.git",
  ])("is not %s", (text) => expect(isGitUrl(text)).toBe(false));

  it("says repository, reference and directory", () => {
    expect(parseGitUrl("https://example.org/app.git#v1:web/src")).toMatchObject({
      repository: "https://example.org/app.git",
      ref: "v1",
      subdirectory: "web/src",
    });
    expect(parseGitUrl("github.com/owner/app#:docker")).toMatchObject({
      repository: "https://github.com/owner/app",
      ref: undefined,
      subdirectory: "docker",
    });
    expect(parseGitUrl("https://example.org/app.git?tag=v1&subdir=web&keep-git-dir=1")).toMatchObject({
      ref: "refs/tags/v1",
      subdirectory: "web",
      keepGitDirectory: true,
    });
  });

  it.each(["git://x/y#--upload-pack=evil", "git://x/y?what=1", "git://x/y?ref=a#b"])("is wrong: %s", (text) =>
    expect(() => parseGitUrl(text)).toThrow(/invalid git URL/),
  );
});

describe("a checkout", () => {
  let directory: string;
  let daemon: ChildProcess;
  let url: string;
  let first: string;
  let second: string;
  let work: string;
  const paths = () => ({ root: join(directory, "root"), run: join(directory, "run") });
  const leftovers = (): string[] => readdirSync(join(directory, "root/tmp"));

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "tsrun-git-"));
    work = join(directory, "served/app");
    mkdirSync(join(work, "web"), { recursive: true });
    const run = (...args: string[]): string =>
      execFileSync("git", ["-C", work, "-c", "user.name=Ann", "-c", "user.email=ann@example.org", ...args], {
        encoding: "utf8",
        stdio: "pipe",
      }).trim();
    run("init", "--quiet", "--initial-branch=main");
    writeFileSync(join(work, "web/Dockerfile"), "FROM first\n");
    run("add", ".");
    run("commit", "--quiet", "-m", "first");
    run("tag", "v1");
    first = run("rev-parse", "HEAD");
    writeFileSync(join(work, "web/Dockerfile"), "FROM second\n");
    symlinkSync("/etc", join(work, "out"));
    run("add", ".");
    run("commit", "--quiet", "-m", "second");
    second = run("rev-parse", "HEAD");
    run("tag", "-a", "-m", "two", "v2");
    // Another reference whose name ends alike.
    run("branch", "other/main", "v1");
    const port = await freePort();
    daemon = spawn(
      "git",
      [
        "daemon",
        "--export-all",
        "--reuseaddr",
        "--listen=127.0.0.1",
        `--port=${port}`,
        `--base-path=${directory}/served`,
      ],
      {
        stdio: "ignore",
        detached: true,
      },
    );
    url = `git://127.0.0.1:${port}/app`;
    await answering(port);
  });
  afterAll(() => {
    // git starts git-daemon as a process of its own.
    process.kill(-(daemon.pid as number));
    rmSync(directory, { recursive: true, force: true });
  });

  it("is the default branch, without .git", async () => {
    {
      using checkout = await openGit(paths(), url);
      expect(readFileSync(join(checkout.directory, "web/Dockerfile"), "utf8")).toBe("FROM second\n");
      expect(existsSync(join(checkout.directory, ".git"))).toBe(false);
      expect(statSync(join(checkout.directory, "web/Dockerfile")).mode & 0o777).toBe(0o644);
    }
    expect(leftovers()).toEqual([]);
  });

  it.each(["v1", "refs/tags/v1", "the commit", "the commit's beginning"])(
    "is what was asked for: %s",
    async (ref) => {
      const name = ref === "the commit" ? first : ref === "the commit's beginning" ? first.slice(0, 8) : ref;
      using checkout = await openGit(paths(), `${url}#${name}:web`);
      expect(readFileSync(join(checkout.directory, "Dockerfile"), "utf8")).toBe("FROM first\n");
      expect(checkout.commit).toBe(first);
    },
  );

  it("keeps .git where that is asked for", async () => {
    using checkout = await openGit(paths(), url, { keepGitDirectory: true });
    expect(existsSync(join(checkout.directory, ".git"))).toBe(true);
  });

  it("leaves the repository alone whose hook started the build", async () => {
    process.env.GIT_DIR = join(work, ".git");
    process.env.GIT_WORK_TREE = work;
    try {
      using checkout = await openGit(paths(), `${url}#v1`);
      expect(checkout.commit).toBe(first);
    } finally {
      delete process.env.GIT_DIR;
      delete process.env.GIT_WORK_TREE;
    }
    expect(readFileSync(join(work, ".git/HEAD"), "utf8")).toBe("ref: refs/heads/main\n");
    expect(readFileSync(join(work, "web/Dockerfile"), "utf8")).toBe("FROM second\n");
  });

  it("is the commit that was found before, wherever its name leads by now", async () => {
    using checkout = await openGit(paths(), `${url}#main`, { commit: first });
    expect(checkout.commit).toBe(first);
    expect(readFileSync(join(checkout.directory, "web/Dockerfile"), "utf8")).toBe("FROM first\n");
  });

  it.each([
    "",
    "#main",
    "#heads/main",
    "#refs/heads/main",
    "#v2",
    "#refs/tags/v2",
    "?tag=v2",
    "?branch=main",
  ])("is known without being fetched: %s", async (fragment) =>
    expect(await resolveGit(url + fragment)).toBe(second),
  );

  it("is known without being asked for where its whole id is given, and not by a part of it", async () => {
    expect(await resolveGit(`git://127.0.0.1:1/app#${first}`)).toBe(first);
    expect(await resolveGit(`${url}#${first.slice(0, 8)}`)).toBeUndefined();
    await expect(resolveGit(`${url}?checksum=${first}`)).rejects.toMatchObject({
      code: "ERR_TSRUN_GIT_FAILED",
    });
    await expect(resolveGit("git://127.0.0.1:1/app")).rejects.toThrow(/git ls-remote failed/);
  });

  it.each([
    ["#nothing", "ERR_TSRUN_GIT_FAILED"],
    ["#main:nothing", "ERR_TSRUN_CONTEXT_INVALID"],
    ["#main:out", "ERR_TSRUN_CONTEXT_INVALID"],
    ["?checksum=0123", "ERR_TSRUN_GIT_FAILED"],
  ])("fails: %s", async (fragment, code) => {
    await expect(openGit(paths(), url + fragment)).rejects.toMatchObject({ code });
    expect(leftovers()).toEqual([]);
  });

  it("speaks to no transport that reads this host's files", async () => {
    await expect(openGit(paths(), `file://${directory}/served/app`)).rejects.toThrow(/'file' not allowed/);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answering(port: number): Promise<void> {
  const { connect } = await import("node:net");
  for (;;) {
    const ok = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (ok) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
