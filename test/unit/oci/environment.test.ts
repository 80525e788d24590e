import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { withEnvironment, withListenFds } from "../../../src/oci/environment.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "environment-"));
  mkdirSync(join(root, "etc"));
  writeFileSync(join(root, "real"), "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:\n");
  // Inside the root it leads to /real of the root, not of the host.
  symlinkSync("/real", join(root, "etc", "passwd"));
});
afterAll(() => rmSync(root, { recursive: true }));

const process = (env: string[], uid = 0) => ({ args: ["x"], cwd: "/", env, user: { uid, gid: 0 } });
const env = (given: string[], uid?: number) => withEnvironment(process(given, uid), root).env;

test("each variable is there once, with its last value", () => {
  expect(env(["A=1", "HOME=/h", "A=2=3", "B="])).toEqual(["A=2=3", "HOME=/h", "B="]);
});

test("HOME is the user's where it is not set, or empty", () => {
  expect(env([])).toEqual(["HOME=/root"]);
  expect(env(["HOME=/x", "HOME="], 1000)).toEqual(["HOME=/home/user"]);
  expect(env([], 7)).toEqual(["HOME=/"]);
});

test("sockets of a service manager are told of", () => {
  expect(withListenFds(process(["A=1"]), 2).env).toEqual(["A=1", "LISTEN_FDS=2", "LISTEN_PID=1"]);
  expect(withListenFds(process(["A=1"]), 0).env).toEqual(["A=1"]);
});
