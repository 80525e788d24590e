/** native/monitor/{options,state,channel}.c, each by itself. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openWorkshop, SANITIZER_ENVIRONMENT, type Workshop } from "./compile.ts";

let workshop: Workshop;

beforeAll(() => {
  workshop = openWorkshop();
});
afterAll(() => workshop[Symbol.dispose]());

function run(program: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: "utf8",
    env: SANITIZER_ENVIRONMENT,
  });
  return { status, stdout, stderr };
}

describe("options", () => {
  const MAIN = `
#include <stdio.h>
#include "options.h"

static void text(const char *name, const char *value)
{
	printf("%s=%s\\n", name, value ? value : "-");
}

int main(int argc, char **argv)
{
	static struct options o; /* as the monitor's, which keeps what it points to as long as it lives */

	options_parse(&o, argc, argv);
	text("id", o.id);
	text("state", o.state);
	text("socket_dir", o.socket_dir);
	text("log", o.log);
	text("oom", o.oom_file);
	text("key", o.oom_key);
	text("members", o.members);
	printf("plan_fds=%d\\nflags=%d%d%d%d\\nsize=%lld\\nfiles=%d\\n", o.plan_fds, o.terminal, o.stdin_open, o.stdin_once,
	       o.durable, o.log_size, o.log_files);
	printf("health=%d %d %lld %lld %lld %lld\\n", o.health.plan_fd, o.health.rules.retries, o.health.rules.interval,
	       o.health.rules.start_interval, o.health.rules.start_period, o.health.timeout);
	text("health", o.health.file);
	text("overdue", o.health.overdue);
	text("cgroup", o.health.cgroup);
	text("freezer", o.health.freezer);
	text("thawed", o.health.thawed);
	for (size_t i = 0; i < o.rmdir.count; i++)
		text("rmdir", o.rmdir.paths[i]);
	for (size_t i = 0; i < o.unlink.count; i++)
		text("unlink", o.unlink.paths[i]);
	text("resolver", o.resolver.directory);
	printf("sockets=%d\\n", o.resolver.sockets);
	for (char **word = o.resolver.command; *word; word++)
		text("command", *word);
	for (char **word = o.on_exit; word && *word; word++)
		text("on_exit", *word);
	return 0;
}
`;
  let program: string;
  beforeAll(() => {
    program = workshop.compile("options", { sources: ["monitor/options.c"], main: MAIN });
  }, 60_000);

  test("all of them", () => {
    const words =
      "--id abc --plan-fds 2 --terminal --stdin --stdin-once --durable --state /s --socket-dir /d";
    const more =
      "--log /l --log-size 10000000000 --log-files 3 --oom-file /o --oom-key k --members /m --rmdir /1 --rmdir /2 --unlink /u";
    const health =
      "--health-plan 6 --health-file /h --health-retries 4 --health-interval 10000000000 --health-start-interval 1 --health-start-period 2 --health-timeout 3 --health-overdue late --health-cgroup /c --health-freezer /f --health-thawed 0";
    const resolver = "--resolver /r --resolver-fd 7 --resolver-command serve --resolver-command --names";
    const { status, stdout } = run(
      program,
      ...words.split(" "),
      ...more.split(" "),
      ...health.split(" "),
      ...resolver.split(" "),
      "--",
      "reap",
      "--now",
      "abc",
    );
    expect(status).toBe(0);
    expect(stdout.trim().split("\n")).toEqual([
      ...["id=abc", "state=/s", "socket_dir=/d", "log=/l", "oom=/o", "key=k", "members=/m"],
      ...["plan_fds=2", "flags=1111", "size=10000000000", "files=3"],
      ...["health=6 4 10000000000 1 2 3", "health=/h", "overdue=late", "cgroup=/c", "freezer=/f", "thawed=0"],
      ...["rmdir=/1", "rmdir=/2", "unlink=/u"],
      ...["resolver=/r", "sockets=7", "command=serve", "command=--names"],
      ...["on_exit=reap", "on_exit=--now", "on_exit=abc"],
    ]);
  });

  test("none of them", () => {
    const { status, stdout } = run(program);
    expect(status).toBe(0);
    expect(stdout).toContain("id=-\nstate=-\n");
    expect(stdout).toContain("flags=0000");
    expect(stdout).toContain("health=0 0 0 0 0 0\n");
    expect(stdout).not.toContain("on_exit");
  });

  test("a word it does not know, or too long a command, ends it; paths may be many, each once", () => {
    expect(run(program, "--nonsense").status).toBe(2);
    expect(run(program, "--id").status).toBe(2);
    const paths = (count: number) =>
      Array.from({ length: count }, (_, index) => ["--rmdir", `/${index}`]).flat();
    const twice = [...paths(200), ...paths(200)];
    expect(run(program, ...twice).stdout.match(/^rmdir=.*$/gm)).toEqual(
      Array.from({ length: 200 }, (_, at) => `rmdir=/${at}`),
    );
    const words = (count: number) =>
      Array.from({ length: count }, () => ["--resolver-command", "word"]).flat();
    expect(run(program, ...words(8)).status).toBe(0);
    expect(run(program, ...words(9)).status).toBe(2);
  });
});

describe("state", () => {
  const MAIN = `
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "state.h"

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "count") == 0)
		printf("%lld", state_read_counter(argv[2], argv[3]));
	else if (argc == 3 && strcmp(argv[1], "ticks") == 0)
		printf("%llu", state_start_ticks(atoi(argv[2])));
	else if (argc == 4 && strcmp(argv[1], "write") == 0) {
		struct state state = { .status = "running", .pid = 4711, .start_ticks = 123456789012345, .exit_code = 7,
			.oom_killed = true, .restart_count = 2, .restart_delay = 400, .started_at = "2026-01-31T12:00:00.000000001Z" };
		printf("%s", state_write(&state, argv[2], atoi(argv[3])) == 0 ? "ok" : strerrorname_np(errno));
	}
	return 0;
}
`;
  let program: string;
  let directory: string;
  beforeAll(() => {
    program = workshop.compile("state", { sources: ["monitor/state.c", "monitor/clock.c"], main: MAIN });
    directory = mkdtempSync(join(workshop.directory, "state-"));
  }, 60_000);

  test.each(["0", "1"])("is one whole document, durable or not (%s)", (durable) => {
    const file = join(directory, "state.json");
    writeFileSync(file, "{".repeat(5000));
    expect(run(program, "write", file, durable)).toMatchObject({ stdout: "ok", stderr: "" });
    const { monitorPid, ...rest } = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    expect(monitorPid).toBeGreaterThan(0);
    expect(rest).toEqual({
      status: "running",
      pid: 4711,
      startTicks: 123456789012345,
      exitCode: 7,
      oomKilled: true,
      restartCount: 2,
      restartDelay: 400,
      error: "",
      startedAt: "2026-01-31T12:00:00.000000001Z",
      finishedAt: "",
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(existsSync(`${file}.new`)).toBe(false);
  });

  test("what cannot be written is an error and leaves nothing behind", () => {
    expect(run(program, "write", join(directory, "none", "state.json"), "1").stdout).toBe("ENOENT");
    const taken = join(directory, "taken");
    mkdirSync(join(taken, "x"), { recursive: true });
    expect(run(program, "write", taken, "0").stdout).toMatch(/EISDIR|EEXIST|ENOTEMPTY/);
    expect(existsSync(`${taken}.new`)).toBe(false);
    expect(run(program, "write", join(directory, "n".repeat(250), "m".repeat(4000)), "0").stdout).toBe(
      "ENAMETOOLONG",
    );
  });

  test("the start time is that of proc_pid_stat(5)", () => {
    const stat = readFileSync("/proc/self/stat", "latin1");
    const expected = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    expect(run(program, "ticks", String(process.pid)).stdout).toBe(expected);
    expect(run(program, "ticks", "4194305").stdout).toBe("0");
  });

  test.each([
    ["low 3\nhigh 4\noom 5\noom_kill 6\noom_group_kill 7\n", "oom_kill", "6"],
    ["oom_kill 6\n", "oom_kill", "6"],
    ["under_oom 0\noom_kill 12", "oom_kill", "12"],
    ["oom_killer 9\n", "oom_kill", "0"],
    ["", "oom_kill", "0"],
    [`${"x 1\n".repeat(1000)}oom_kill 6\n`, "y", "0"],
  ])("a counter: %j", (text, key, count) => {
    const file = join(directory, "counters");
    writeFileSync(file, text);
    expect(run(program, "count", file, key)).toMatchObject({ stdout: count, stderr: "" });
  });

  test("a counter's file that is gone counts nothing", () => {
    expect(run(program, "count", join(directory, "gone"), "oom_kill").stdout).toBe("0");
  });
});

test("channel: messages arrive whole, with the descriptor that came along; nonsense and the end are told apart", () => {
  const program = workshop.compile("channel", {
    sources: ["monitor/channel.c"],
    main: `
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "channel.h"

#define CHECK(truth) do { if (!(truth)) { printf("line %d: " #truth, __LINE__); return 1; } } while (0)

int main(void)
{
	struct channel_message message;
	int pair[2], ends[2], fd;
	char byte = 0;

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0 && pipe(ends) == 0);
	CHECK(channel_send(pair[0], (struct channel_message){ CHANNEL_FAILED, 14, EPERM }, -1) == 0);
	CHECK(channel_send(pair[0], (struct channel_message){ CHANNEL_CONSOLE, 3, 0 }, ends[1]) == 0);
	CHECK(channel_receive(pair[1], &message, &fd) == 1 && fd == -1);
	CHECK(message.kind == CHANNEL_FAILED && message.step == 14 && message.error == EPERM);
	CHECK(channel_receive(pair[1], &message, &fd) == 1 && message.kind == CHANNEL_CONSOLE && fd > 2);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK(write(fd, "x", 1) == 1 && read(ends[0], &byte, 1) == 1 && byte == 'x');
	CHECK(send(pair[0], "short", 5, 0) == 5 && channel_receive(pair[1], &message, &fd) == -EPROTO);
	close(pair[0]);
	CHECK(channel_receive(pair[1], &message, &fd) == 0);
	CHECK(channel_send(pair[1], message, -1) == EPIPE);
	printf("ok");
	return 0;
}
`,
  });
  expect(run(program)).toEqual({ status: 0, stdout: "ok", stderr: "" });
}, 60_000);
