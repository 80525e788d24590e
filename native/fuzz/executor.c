/*
 * The executor, whose words, runtime, process, terminal and user do anything in any order: it ends, the process dies with
 * a runtime that goes before it runs, the user's terminal is as it was, and no descriptor and no byte is lost on the way.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"
#include "children.h"
#include "frames.h"
#include "fuzz.h"
#include "interpreter.h"

#define MAX_WORDS 16
#define FIRST_FD 512 /* of what the doubles open; the executor inherits fewer */
#define MAX_FDS 1024
#define ROUNDS 4096
#define PIDFD 511

/* A stream of bytes that count up, so that one that is lost, doubled or made up is seen. */
struct flow {
	uint8_t read, written;
	bool torn; /* its reader had gone: what was on the way is lost */
};

static jmp_buf ended;
static struct input rest;
static bool is_open[MAX_FDS], killed, reaped, is_raw, gone;
static int next_fd, rounds;
static struct flow input_flow, output_flow;
static long long nanoseconds;

static int fail(int error)
{
	errno = error;
	return -1;
}

static int open_fd(void)
{
	if (next_fd == MAX_FDS)
		return fail(EMFILE);
	is_open[next_fd] = true;
	return next_fd++;
}

static int fake_close(int fd)
{
	if (fd < FIRST_FD)
		return 0;
	REQUIRE(is_open[fd]); /* twice would be another's */
	is_open[fd] = false;
	return 0;
}

static _Noreturn void fake_exit(void)
{
	longjmp(ended, 1);
}

static ssize_t give(struct flow *flow, char *to, size_t size)
{
	size_t length = (size_t)input_byte(&rest) * 65;

	if (length == 0)
		return rest.left == 0 || input_byte(&rest) & 1 ? 0 : fail(input_byte(&rest) & 1 ? EAGAIN : EIO);
	if (length > size)
		length = size;
	for (size_t i = 0; i < length; i++)
		to[i] = (char)flow->read++;
	return (ssize_t)length;
}

static ssize_t take(struct flow *flow, const char *from, size_t length)
{
	size_t taken = (size_t)input_byte(&rest) * 65;

	REQUIRE(length > 0);
	if (flow->torn)
		flow->written = (uint8_t)*from;
	REQUIRE((uint8_t)*from == flow->written);
	flow->torn = false;
	if (taken == 0 && rest.left > 0) {
		errno = input_byte(&rest) & 1 ? EAGAIN : EIO;
		flow->torn = errno == EIO;
		return -1;
	}
	if (taken == 0 || taken > length)
		taken = length;
	for (size_t i = 0; i < taken; i++)
		REQUIRE((uint8_t)from[i] == flow->written++);
	return (ssize_t)taken;
}

static ssize_t fake_read(int fd, void *to, size_t size)
{
	if (fd == STDIN_FILENO)
		return give(&input_flow, to, size);
	REQUIRE(fd < FIRST_FD || is_open[fd]);
	if (size == sizeof(struct signalfd_siginfo)) {
		memset(to, 0, size);
		return (ssize_t)size;
	}
	return size == 1 ? 0 : give(&output_flow, to, size);
}

static ssize_t fake_write(int fd, const void *from, size_t length)
{
	if (fd == STDERR_FILENO)
		return (ssize_t)length;
	if (fd == STDOUT_FILENO)
		return take(&output_flow, from, length);
	REQUIRE(is_open[fd]);
	if (length == 1 && *(const char *)from == '\0')
		return input_byte(&rest) & 1 ? fail(EPIPE) : 1;
	return take(&input_flow, from, length);
}

static int fake_poll(struct pollfd *watch, nfds_t count, int patience);

static ssize_t fake_send(const struct frame_header *frame, size_t length)
{
	REQUIRE(frame->type >= FRAME_STARTED && frame->type <= FRAME_WAITING && length == sizeof(*frame) + frame->length);
	return (ssize_t)length;
}

static ssize_t fake_recv(void *to, size_t length)
{
	if (rest.left == 0)
		gone = true;
	return gone ? 0 : (ssize_t)input_bytes(&rest, to, length);
}

static ssize_t fake_sendmsg(int fd)
{
	return fd < 0 ? fail(EBADF) : input_byte(&rest) & 1 ? fail(EPIPE) : 1;
}

int channel_send(int channel, struct channel_message message, int fd)
{
	(void)channel, (void)message, (void)fd;
	return input_byte(&rest) & 1 ? EPIPE : 0;
}

int channel_receive(int channel, struct channel_message *message, int *fd)
{
	uint8_t how = input_byte(&rest);

	REQUIRE(is_open[channel]);
	*fd = how & 1 ? open_fd() : -1;
	input_bytes(&rest, message, sizeof(*message));
	if (how & 2)
		message->kind = CHANNEL_CONSOLE;
	return rest.left == 0 || how >= 0xf0 ? 0 : how >= 0xe0 ? -EPROTO : 1;
}

int plan_load(struct plan_context *context, int fd)
{
	(void)context, (void)fd;
	return input_byte(&rest) & 15 ? 0 : EINVAL;
}

int plan_run(struct plan_context *context)
{
	uint8_t how = input_byte(&rest);

	REQUIRE(context->parents_own_count <= PLAN_PARENTS_OWN);
	context->child = how & 0x80 ? 0 : 7;
	context->pidfd = how & 0x80 ? -1 : PIDFD;
	context->in_child = how & 0x40;
	context->program = how & 0x20 ? "program" : NULL;
	if (how & 0x10)
		context->channel = -1;
	return how & 0xc0 ? EPERM : 0;
}

int children_watch(void)
{
	return open_fd();
}

void children_expect(pid_t pid)
{
	REQUIRE(pid == 7);
}

void children_reap(void)
{
}

int children_wait(pid_t pid)
{
	REQUIRE(pid == 7 && !reaped);
	reaped = true;
	return input_byte(&rest) << 8 | input_byte(&rest);
}

static int fake_pair(int pair[2])
{
	pair[0] = open_fd();
	pair[1] = open_fd();
	return 0;
}

static int fake_waitpid(int *status)
{
	reaped = true;
	if (status)
		*status = input_byte(&rest) << 8 | input_byte(&rest);
	return 7;
}

static long fake_syscall(long number)
{
	REQUIRE(number == SYS_pidfd_send_signal && !reaped);
	killed = true;
	return 0;
}

static int fake_tcgetattr(int fd, struct termios *mode)
{
	*mode = (struct termios){ .c_oflag = OPOST | ONLCR, .c_lflag = is_raw && fd == STDIN_FILENO ? 0 : ICANON };
	return input_byte(&rest) & 1 ? fail(ENOTTY) : 0;
}

static int fake_tcsetattr(int fd, const struct termios *mode)
{
	if (fd == STDIN_FILENO)
		is_raw = !(mode->c_lflag & ICANON);
	return 0;
}

#define main executor_main
#define exit(status) fake_exit()
#define _exit(status) fake_exit()
#define poll(...) fake_poll(__VA_ARGS__)
#define read(fd, to, size) fake_read(fd, to, size)
#define write(fd, from, length) fake_write(fd, from, length)
#define close(fd) fake_close(fd)
#define send(fd, data, length, flags) fake_send((const void *)(data), length)
#define recv(fd, data, length, flags) fake_recv(data, length)
#define sendmsg(fd, message, flags) fake_sendmsg(fd)
#define socketpair(domain, type, protocol, pair) fake_pair(pair)
#define waitpid(pid, status, options) fake_waitpid(status)
#define syscall(number, ...) fake_syscall(number)
#define close_range(...) 0
#define prctl(...) 0
#define signal(...) ((void)0)
#define sigprocmask(...) ((void)0)
#define signalfd(...) open_fd()
#define fcntl(...) 0
#define ioctl(fd, request, size) ((void)(size), input_byte(&rest) & 1 ? -1 : 0)
#define tcgetattr(fd, mode) fake_tcgetattr(fd, mode)
#define tcsetattr(fd, when, mode) fake_tcsetattr(fd, mode)
#define clock_gettime(clock, time) (nanoseconds += 1000000, (time)->tv_sec = nanoseconds / 1000000000, (time)->tv_nsec = nanoseconds % 1000000000)
#define fprintf(...) ((void)0)

#include "../executor/options.c"
#include "../executor/relay.c"
#include "../executor/main.c"

#undef main

/* What is open beside what is in use has been lost. */
static void look_at_descriptors(void)
{
	int others = 0;

	for (int fd = FIRST_FD; fd < next_fd; fd++)
		others += is_open[fd] && fd != channel && fd != children && fd != pty && fd != window;
	REQUIRE(others == 0);
}

static int fake_poll(struct pollfd *watch, nfds_t count, int patience)
{
	bool serving = count > 1;

	REQUIRE(++rounds < ROUNDS || rest.left > 0); /* it goes on for ever */
	if (!serving && (rest.left == 0 || input_byte(&rest) < 8))
		return patience < 0;
	if (!serving) {
		watch->revents = watch->events;
		return 1;
	}
	look_at_descriptors();
	if (rest.left == 0) /* the runtime goes; until it is seen, so do the others */
		watch[1].revents = POLLIN;
	uint8_t how = input_byte(&rest);
	if (how == 0xff && patience >= 0)
		return 0;
	if (how == 0xfe)
		return fail(EINTR);
	for (nfds_t i = 0; i < count; i++)
		if (watch[i].fd >= 0 && how >> i & 1)
			watch[i].revents = how & 0x80 && !(watch[i].events & POLLOUT) ? POLLIN | POLLHUP : watch[i].events;
	return 1;
}

static void begin(const uint8_t *bytes, size_t size)
{
	rest = (struct input){ bytes, size };
	memset(is_open, 0, sizeof(is_open));
	killed = reaped = is_raw = gone = false;
	next_fd = FIRST_FD;
	rounds = 0;
	input_flow = output_flow = (struct flow){ 0 };
	plan = (struct plan_context){ .pidfd = -1 };
	console_socket = channel = children = pty = window = -1;
	console_arrived = raw = input_open = false;
	input.start = input.end = 0;
}

/* The input's first strings are its words. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static char *argv[MAX_WORDS + 1], text[4096];
	volatile int argc = 0;

	begin(bytes, size);
	argv[argc++] = "tsrun-executor";
	size_t length = input_bytes(&rest, text, input_byte(&rest));
	text[length] = '\0';
	for (char *at = text; at < text + length && argc < MAX_WORDS; at += strlen(at) + 1)
		argv[argc++] = at;
	argv[argc] = NULL;
	if (setjmp(ended) == 0)
		executor_main(argc, argv);
	if (plan.in_child || rounds == 0)
		return 0;
	REQUIRE(!is_raw);
	REQUIRE(channel < 0 || (killed && reaped));
	return 0;
}
