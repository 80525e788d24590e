#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel.h"
#include "children.h"
#include "interpreter.h"

/* The order in which exec-plan.ts names the launcher's slots. */
enum { SLOT_INIT, SLOT_CGROUP };

static struct plan_context plan = { .pidfd = -1 };
static const char *cgroup_directory;
static int container = -1; /* pidfd of the container's first process */
static int channel = -1;   /* to the probe, until its execve closes the other end */
static int output = -1;
static bool ended, cut_off;
static struct probe_result result;

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int probe_load(int plan_fd, int init, const char *cgroup)
{
	container = init;
	cgroup_directory = cgroup;
	return plan_load(&plan, plan_fd);
}

/* ---- start ---- */

static int open_slots(void)
{
	int pair[2], ends[2];

	for (int i = 0; i < PLAN_SLOTS; i++)
		plan.slots[i] = -1;
	plan.slots[SLOT_INIT] = container;
	if (cgroup_directory)
		plan.slots[SLOT_CGROUP] = open(cgroup_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	plan.slots[SLOT_STDIN] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (plan.slots[SLOT_STDIN] < 0 || (cgroup_directory && plan.slots[SLOT_CGROUP] < 0))
		return errno;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return errno;
	output = ends[0];
	fcntl(output, F_SETFL, O_NONBLOCK);
	plan.slots[SLOT_STDOUT] = plan.slots[SLOT_STDERR] = ends[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return errno;
	channel = plan.monitor_end = pair[0];
	plan.channel = pair[1];
	return 0;
}

/* The probe has its copies; the pidfd of the container is the monitor's to keep. */
static void close_slots(void)
{
	plan.slots[SLOT_INIT] = -1;
	plan.slots[SLOT_STDERR] = -1;
	for (int i = 0; i < PLAN_SLOTS; i++)
		close_one(&plan.slots[i]);
	close_one(&plan.channel);
}

static _Noreturn void report_failure(int error)
{
	struct channel_message message = { .kind = CHANNEL_FAILED, .step = plan.step, .error = error };

	channel_send(plan.channel, message, -1);
	_exit(1);
}

/* The program's name, from the last step of the Plan. */
static const char *program(const struct plan_header *header)
{
	const struct plan_step *execve = (const struct plan_step *)(header + 1) + header->step_count - 1;
	const uint64_t *argv = (const uint64_t *)(plan.base + execve->arg[1]);

	return plan.base + argv[0];
}

/* The probe could not be executed. */
static void fail(unsigned step, int error)
{
	const struct plan_header *header = (const struct plan_header *)plan.base;
	const char *reason = strerrordesc_np(error);
	size_t size = sizeof(result.output);
	int length = step + 1 == header->step_count
		? snprintf(result.output, size, "exec: \"%s\": %s", program(header), reason)
		: snprintf(result.output, size, "the health check could not be started: %s (step %u of %u)", reason, step + 1, header->step_count);

	cut_off = step + 1 != header->step_count;
	result.exit_code = -1;
	result.length = (size_t)length < size ? (size_t)length : size - 1;
}

bool probe_start(void)
{
	result = (struct probe_result){ 0 };
	ended = cut_off = false;
	clock_now(result.start);
	plan.step = 0;
	plan.report = report_failure;
	int error = open_slots();
	/*
	 * The Plan makes the container's pid namespace the one of the caller's children (setns(2)). This process's it must
	 * not become: a program that it becomes at its end could start no thread (clone(2), EINVAL), and to take its own back
	 * is for who rules that.
	 */
	if (error == 0)
		error = plan_run_between(&plan);
	close_slots();
	if (error == 0) {
		children_expect(plan.child);
		return true;
	}
	fail(plan.step, error);
	close_one(&channel);
	close_one(&output);
	clock_now(result.end);
	return false;
}

bool probe_executes(void)
{
	return channel < 0;
}

/* ---- while it runs ---- */

static void hear(void)
{
	struct channel_message message;
	int fd;

	if (channel_receive(channel, &message, &fd) > 0 && message.kind == CHANNEL_FAILED)
		fail(message.step, message.error);
	close_one(&fd);
	close_one(&channel);
}

/* Keeps the first bytes of what the probe writes; the rest is read, so that it is not held up, and forgotten. */
static void read_output(void)
{
	char data[HEALTH_OUTPUT];
	ssize_t got = read(output, data, sizeof(data));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		close_one(&output);
		return;
	}
	size_t room = sizeof(result.output) - result.length, kept = (size_t)got < room ? (size_t)got : room;
	memcpy(result.output + result.length, data, kept);
	result.length += kept;
	result.cut = result.cut || kept < (size_t)got;
}

/* What is in the pipe was written before the end; a process that the probe left behind may hold it open for ever. */
static void read_rest(void)
{
	struct pollfd waiting = { .fd = output, .events = POLLIN };

	while (output >= 0 && !result.cut && poll(&waiting, 1, 0) > 0)
		read_output();
	close_one(&output);
}

static void conclude(void)
{
	if (channel >= 0)
		hear();
	read_rest();
	int status = children_wait(plan.child);
	close_one(&plan.pidfd);
	if (result.exit_code == 0) /* neither failed nor overdue */
		result.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	cut_off = cut_off || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && result.overdue == NULL);
	clock_now(result.end);
	ended = true;
}

enum { WATCH_CHANNEL, WATCH_OUTPUT, WATCH_PIDFD };

void probe_watch(struct pollfd watch[PROBE_WATCHED])
{
	watch[WATCH_CHANNEL] = (struct pollfd){ .fd = channel, .events = POLLIN };
	watch[WATCH_OUTPUT] = (struct pollfd){ .fd = output, .events = POLLIN };
	watch[WATCH_PIDFD] = (struct pollfd){ .fd = plan.pidfd, .events = POLLIN };
}

bool probe_serve(const struct pollfd watch[PROBE_WATCHED])
{
	if (watch[WATCH_CHANNEL].revents && channel >= 0)
		hear();
	if (watch[WATCH_OUTPUT].revents && output >= 0)
		read_output();
	if (watch[WATCH_PIDFD].revents && plan.pidfd >= 0)
		conclude();
	return ended;
}

void probe_kill(const char *why)
{
	result.exit_code = -1;
	result.overdue = why;
	syscall(SYS_pidfd_send_signal, plan.pidfd, SIGKILL, NULL, 0);
}

const struct probe_result *probe_result(void)
{
	return &result;
}

bool probe_was_cut_off(void)
{
	return cut_off;
}
