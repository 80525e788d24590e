/*
 * The executor: runs a Plan for the OCI interface. It is to the runtime what the monitor is to the engine, without what
 * the interface forbids: the process has the caller's own standard descriptors, and when it is created nobody of the
 * runtime stays. So that it becomes the child of whoever manages containers above (conmon, containerd's shim: subreapers,
 * PR_SET_CHILD_SUBREAPER), its parent has to end: that is why this is a process of its own.
 *
 * It tells the runtime (frames.h, on the control socket) at which step the Plan waits or failed and that the process
 * runs, and is told to continue. A process that waits at a gate is nobody's from then on, which looks from here as if it
 * ran. With --stay the executor ends with the process and tells how that was. Until the process runs it belongs to the
 * runtime: when the control socket closes, it is killed.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"
#include "children.h"
#include "frames.h"
#include "interpreter.h"
#include "options.h"
#include "relay.h"

static struct options options;
static struct plan_context plan = { .pidfd = -1 };
/* Descriptors that the runtime passes, in this order; the console socket follows the slots. */
enum { PLAN_FD = 3, CONTROL_FD, FIRST_SLOT_FD };

static int console_socket = -1;
static int channel = -1; /* to the process, until execve closes its end; -1 then */
static int children = -1; /* children_watch() */
static bool console_arrived;

static void tell(uint32_t type, uint32_t first, uint32_t second, uint32_t third)
{
	struct {
		struct frame_header header;
		uint32_t numbers[3];
	} frame = { { type, sizeof(frame.numbers) }, { first, second, third } };

	send(CONTROL_FD, &frame, sizeof(frame), MSG_NOSIGNAL);
}

static void kill_process(void)
{
	if (plan.pidfd >= 0)
		syscall(SYS_pidfd_send_signal, plan.pidfd, SIGKILL, NULL, 0);
}

static _Noreturn void give_up(void)
{
	kill_process();
	if (plan.child > 0)
		waitpid(plan.child, NULL, 0);
	relay_end();
	exit(1);
}

/* In the child, started by its gate: nobody listens but who reads its standard error. */
static void tell_failure(int error)
{
	char line[PATH_MAX + 128], *reason = strerror(error);
	int size = snprintf(line, sizeof(line), "exec %s: %c%s\n", plan.program, tolower(*reason), reason + 1);

	if (write(STDERR_FILENO, line, (size_t)size < sizeof(line) ? (size_t)size : sizeof(line)) < 0)
		_exit(255);
}

/* In the child: the runtime may want to see through /proc what this process sees, so it waits to be killed. */
static _Noreturn void report_failure(int error)
{
	struct channel_message message = { .kind = CHANNEL_FAILED, .step = plan.step, .error = error };
	char word;

	if (plan.channel < 0 && plan.program)
		tell_failure(error);
	if (plan.channel >= 0 && channel_send(plan.channel, message, -1) == 0)
		while (read(plan.channel, &word, 1) > 0)
			continue;
	_exit(255);
}

static void inherit_descriptors(void)
{
	int next = FIRST_SLOT_FD;

	close_range(PLAN_FD, ~0U, CLOSE_RANGE_CLOEXEC);
	for (int i = 0; i < PLAN_SLOTS; i++)
		plan.slots[i] = i < options.plan_fds ? next++ : -1;
	if (options.console == CONSOLE_SOCKET)
		console_socket = next++;
	plan.slots[SLOT_STDIN] = STDIN_FILENO;
	plan.slots[SLOT_STDOUT] = STDOUT_FILENO;
	plan.slots[SLOT_STDERR] = STDERR_FILENO;
}

/* A process that waits for its start keeps all that it inherits: whoever looks for the executor's end must see it. */
static void keep_from_child(int fd)
{
	if (fd >= 0)
		plan.parents_own[plan.parents_own_count++] = fd;
}

static void start_process(void)
{
	int pair[2];

	keep_from_child(PLAN_FD);
	keep_from_child(CONTROL_FD);
	keep_from_child(console_socket);

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		exit(1);
	plan.channel = pair[1];
	plan.monitor_end = pair[0];
	plan.report = report_failure;
	int error = plan_load(&plan, PLAN_FD);
	if (error == 0)
		error = plan_run(&plan);
	if (plan.in_child)
		report_failure(error);
	if (error != 0) {
		tell(FRAME_FAILED, plan.step, (uint32_t)error, 0);
		exit(1);
	}
	close(pair[1]);
	channel = pair[0];
	/* The process has its copies: what stays open here would keep its namespaces alive. */
	for (int i = 0; i < SLOT_STDIN; i++)
		if (plan.slots[i] >= 0)
			close(plan.slots[i]);
}

static _Noreturn void refuse_console(int error)
{
	tell(FRAME_FAILED, NO_STEP, (uint32_t)error, 0);
	give_up();
}

/* The name that comes along is for people who look at the receiver's log. */
static void hand_over_console(int master)
{
	char name[] = "/dev/ptmx", rights[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec data = { .iov_base = name, .iov_len = sizeof(name) - 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = rights, .msg_controllen = sizeof(rights) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	*(int *)CMSG_DATA(header) = master;
	if (sendmsg(console_socket, &message, MSG_NOSIGNAL) < 0)
		refuse_console(errno);
	close(master);
}

/* There is one terminal, and its master is lost where this process has no descriptor left for it (SCM_RIGHTS, unix(7)). */
static void take_console(int master)
{
	if (master < 0)
		refuse_console(EMFILE);
	if (console_arrived)
		refuse_console(EPROTO);
	console_arrived = true;
	if (options.console == CONSOLE_RELAY)
		relay_begin(master);
	else
		hand_over_console(master);
}

static void hear_channel(void)
{
	struct channel_message message;
	int fd;

	bool heard = channel_receive(channel, &message, &fd) > 0;
	if (heard && message.kind == CHANNEL_CONSOLE) {
		take_console(fd);
		return;
	}
	if (fd >= 0)
		close(fd); /* nothing else comes with one */
	if (!heard) {
		close(channel);
		channel = -1;
		tell(FRAME_STARTED, (uint32_t)plan.child, 0, 0);
		if (!options.stay)
			exit(0);
		return;
	}
	switch (message.kind) {
	case CHANNEL_WAITING:
		tell(FRAME_WAITING, message.step, (uint32_t)plan.child, (uint32_t)message.error);
		return;
	case CHANNEL_FAILED:
		tell(FRAME_FAILED, message.step, (uint32_t)message.error, (uint32_t)plan.child);
		return;
	}
}

/* The runtime sends one frame at a time and without a payload. */
static void hear_control(void)
{
	struct frame_header frame;

	if (recv(CONTROL_FD, &frame, sizeof(frame), MSG_WAITALL) != sizeof(frame)) {
		if (channel >= 0)
			give_up();
		relay_end();
		exit(0); /* it runs, and goes on without anybody who would hear of its end */
	}
	if (frame.type == FRAME_CONTINUE && channel >= 0 && write(channel, "", 1) < 0)
		give_up();
}

static _Noreturn void report_end(bool timed_out)
{
	int status = children_wait(plan.child);

	relay_end();
	int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	tell(FRAME_EXITED, (uint32_t)code, WIFSIGNALED(status) ? (uint32_t)WTERMSIG(status) : 0, timed_out);
	exit(0);
}

static long long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static _Noreturn void serve(void)
{
	long long deadline = options.timeout ? milliseconds() + options.timeout : 0;
	bool timed_out = false;

	for (;;) {
		enum { CHANNEL, CONTROL, PROCESS, CHILDREN, RELAY, COUNT = RELAY + RELAY_FDS };
		struct pollfd watch[COUNT] = {
			[CHANNEL] = { .fd = channel, .events = POLLIN },
			[CONTROL] = { .fd = CONTROL_FD, .events = POLLIN },
			/* First what it has to say, then its end. */
			[PROCESS] = { .fd = channel < 0 ? plan.pidfd : -1, .events = POLLIN },
			[CHILDREN] = { .fd = children, .events = POLLIN },
		};
		int patience = -1;

		relay_watch(watch + RELAY);
		if (deadline && !timed_out) {
			long long left = deadline - milliseconds();
			patience = left > 0 ? (int)left : 0;
		}
		int ready = poll(watch, COUNT, patience);
		if (ready == 0) {
			timed_out = true;
			kill_process();
		}
		if (ready <= 0)
			continue;
		relay_hear(watch + RELAY);
		if (watch[CHANNEL].revents)
			hear_channel();
		if (watch[CHILDREN].revents)
			children_reap();
		if (watch[PROCESS].revents)
			report_end(timed_out);
		if (watch[CONTROL].revents)
			hear_control();
	}
}

int main(int argc, char **argv)
{
	options_parse(&options, argc, argv);
	prctl(PR_SET_NAME, "tsrun-executor"); /* it was executed by way of a descriptor, whose number would be its name */
	/* The runtime passes on to the process what signals it gets; a terminal sends them to both. */
	for (int number = 1; number < NSIG; number++)
		if (number != SIGCHLD)
			signal(number, SIG_IGN);
	inherit_descriptors();
	if (options.stay)
		children = children_watch();
	start_process();
	children_expect(plan.child);
	serve();
}
