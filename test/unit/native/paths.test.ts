/** native/monitor/paths.c: names that are hostile input. */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openWorkshop, SANITIZER_ENVIRONMENT, type Workshop } from "./compile.ts";

/** Calls one of the functions on a path; descriptor 7 is open on a directory. Prints "ok" or the error's name. */
const MAIN = `
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "paths.h"

int main(int argc, char **argv)
{
	const char *verb = argv[1], *path = argv[2], *leaf = "";
	int result = -1;

	if (argc != 4)
		return 2;
	umask(0);
	if (dup2(open(argv[3], O_RDONLY | O_DIRECTORY), 7) != 7)
		return 2;
	if (strcmp(verb, "open") == 0)
		result = path_open(path, 0);
	else if (strcmp(verb, "enter") == 0)
		result = path_open(path, O_DIRECTORY);
	else if (strcmp(verb, "mkdir") == 0)
		result = path_make_directory(path, 0755);
	else if (strcmp(verb, "touch") == 0)
		result = path_make_file(path, 0644);
	else if (strcmp(verb, "parent") == 0)
		result = path_open_parent(path, &leaf);
	if (result < 0) {
		printf("%s", strerrorname_np(errno));
		return 0;
	}
	if (strcmp(verb, "touch") == 0) {
		printf("ok");
		return 0;
	}
	char link[64], target[4096];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", result);
	ssize_t length = readlink(link, target, sizeof(target));
	printf("%.*s%s%s", (int)length, target, *leaf ? " " : "", leaf);
	return 0;
}
`;

let workshop: Workshop;
let program: string;
let root: string;

beforeAll(() => {
  workshop = openWorkshop();
  program = workshop.compile("paths", { sources: ["monitor/paths.c"], main: MAIN });
}, 60_000);
afterAll(() => workshop[Symbol.dispose]());
beforeEach(() => {
  root = mkdtempSync(join(workshop.directory, "root-"));
});
afterEach(() => rmSync(root, { recursive: true }));

/** "ok", the path that the descriptor is on, or the error's name. */
function call(verb: "open" | "enter" | "mkdir" | "touch" | "parent", path: string): string {
  const { stdout, stderr, status } = spawnSync(program, [verb, path, root], {
    encoding: "utf8",
    env: SANITIZER_ENVIRONMENT,
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return stdout.replaceAll(root, "ROOT");
}
const at = (...names: string[]): string => join(root, ...names);

describe("path_make_directory", () => {
  test("makes what is missing, and is content with what is there", () => {
    expect(call("mkdir", at("a/b/c"))).toBe("ROOT/a/b/c");
    expect(call("mkdir", at("a/b/c"))).toBe("ROOT/a/b/c");
    expect(statSync(at("a/b")).mode & 0o7777).toBe(0o755);
  });

  test.each([
    ["doubled and trailing slashes", "//x///y//", "ROOT/x/y"],
    ["dots", "/./x/./y/.", "ROOT/x/y"],
    ["what is made only to be left again", "/x/../y", "ROOT/y"],
  ])("%s", (_name, path, result) => {
    expect(call("mkdir", root + path)).toBe(result);
  });

  test("the root itself", () => {
    expect(call("mkdir", "/")).toBe("/");
  });

  test("dangling symbolic links are followed: absolute, relative, upwards, one to the next", () => {
    symlinkSync(at("made/absolute"), at("absolute"));
    symlinkSync("made/relative", at("relative"));
    mkdirSync(at("below"));
    symlinkSync("../made/up", at("below/up"));
    symlinkSync("relative2", at("first"));
    symlinkSync("made/chain", at("relative2"));
    expect(call("mkdir", at("absolute/x"))).toBe("ROOT/made/absolute/x");
    expect(call("mkdir", at("relative"))).toBe("ROOT/made/relative");
    expect(call("mkdir", at("below/up/y"))).toBe("ROOT/made/up/y");
    expect(call("mkdir", at("first/z"))).toBe("ROOT/made/chain/z");
    expect(lstatSync(at("first")).isSymbolicLink()).toBe(true);
  });

  test("a link to a directory is gone through, not replaced", () => {
    mkdirSync(at("real"));
    symlinkSync("real", at("link"));
    expect(call("mkdir", at("link/below"))).toBe("ROOT/real/below");
    expect(readlinkSync(at("link"))).toBe("real");
  });

  test("links that lead in circles end", () => {
    symlinkSync("b", at("a"));
    symlinkSync("a", at("b"));
    symlinkSync("self/x", at("self"));
    expect(call("mkdir", at("a/x"))).toBe("ELOOP");
    expect(call("mkdir", at("self"))).toBe("ELOOP");
  });

  test("a chain of dangling links is followed only so far", () => {
    for (let index = 0; index < 30; index++) symlinkSync(`link${index + 1}`, at(`link${index}`));
    expect(call("mkdir", at("link20"))).toBe("ROOT/link30");
    rmSync(at("link30"), { recursive: true });
    expect(call("mkdir", at("link0"))).toBe("ELOOP");
    expect(existsSync(at("link30"))).toBe(false);
  });

  test("a file in the way", () => {
    writeFileSync(at("file"), "");
    expect(call("mkdir", at("file"))).toBe("ENOTDIR");
    expect(call("mkdir", at("file/x"))).toBe("ENOTDIR");
  });

  test("names that are too long", () => {
    expect(call("mkdir", at("n".repeat(256), "x"))).toBe("ENAMETOOLONG");
    expect(call("mkdir", at("n".repeat(255)))).toBe(`ROOT/${"n".repeat(255)}`);
  });
});

describe("magic links of /proc are never gone through", () => {
  // CVE-2024-21626: a descriptor of the host that is still open leads out of the container by its name in /proc.
  test.each([
    ["open", "/proc/self/fd/7"],
    ["enter", "/proc/self/fd/7/.."],
    ["mkdir", "/proc/self/fd/7"],
    ["mkdir", "/proc/self/fd/7/x"],
    ["touch", "/proc/self/fd/7/x"],
    ["parent", "/proc/self/fd/7/x"],
    ["open", "/proc/self/root/etc"],
    ["enter", "/proc/self/cwd"],
    ["enter", "/proc/thread-self/fd/7"],
    ["open", "/dev/fd/7"],
  ] as const)("%s %s", (verb, path) => {
    expect(call(verb, path)).toBe("ELOOP");
    expect(existsSync(at("x"))).toBe(false);
  });

  test("not by way of a link in the image either", () => {
    symlinkSync("/proc/self/fd/7", at("innocent"));
    symlinkSync("/proc/self/fd", at("fds"));
    expect(call("open", at("innocent"))).toBe("ELOOP");
    expect(call("mkdir", at("innocent/x"))).toBe("ELOOP");
    expect(call("mkdir", at("fds/7/x"))).toBe("ELOOP");
    expect(call("touch", at("innocent/x"))).toBe("ELOOP");
    expect(existsSync(at("x"))).toBe(false);
  });

  test("ordinary links of /proc are none", () => {
    expect(call("enter", "/proc/self/fd")).toMatch(/^\/proc\/\d+\/fd$/);
  });
});

describe("path_make_file", () => {
  test("makes an empty file and its directories", () => {
    expect(call("touch", at("a/b/file"))).toBe("ok");
    expect(readFileSync(at("a/b/file"), "utf8")).toBe("");
    expect(statSync(at("a/b/file")).mode & 0o7777).toBe(0o644);
  });

  test("leaves alone what is there", () => {
    writeFileSync(at("file"), "content");
    expect(call("touch", at("file"))).toBe("ok");
    expect(readFileSync(at("file"), "utf8")).toBe("content");
  });

  test("a dangling link is followed to where the file is made", () => {
    symlinkSync("../run/resolv.conf", at("link"));
    mkdirSync(at("etc"));
    symlinkSync("../run/resolv.conf", at("etc/resolv.conf"));
    expect(call("touch", at("etc/resolv.conf"))).toBe("ok");
    expect(existsSync(at("run/resolv.conf"))).toBe(true);
    symlinkSync(at("far/away"), at("absolute"));
    expect(call("touch", at("absolute"))).toBe("ok");
    expect(existsSync(at("far/away"))).toBe(true);
  });

  test("links that lead in circles end", () => {
    symlinkSync("b", at("a"));
    symlinkSync("a", at("b"));
    expect(call("touch", at("a"))).toBe("ELOOP");
  });

  test("a path that names no file", () => {
    expect(call("touch", `${at("a")}/`)).not.toBe("ok");
    writeFileSync(at("file"), "");
    expect(call("touch", at("file/x"))).toBe("ENOTDIR");
  });
});

describe("path_open_parent", () => {
  test("the directory, and the last component as it is", () => {
    mkdirSync(at("d"));
    symlinkSync("elsewhere", at("d/link"));
    expect(call("parent", at("d/link"))).toBe("ROOT/d link");
    expect(call("parent", "/leaf")).toBe("/ leaf");
    expect(call("parent", at("missing/leaf"))).toBe("ENOENT");
  });

  test("a directory's name as long as a path may be, and longer", () => {
    expect(call("parent", `${"/d".repeat(2040)}/x`)).toBe("ENOENT");
    expect(call("parent", `${"/d".repeat(2048)}/x`)).toBe("ENAMETOOLONG");
  });
});
