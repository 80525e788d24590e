/*
 * The init of `run --init`: any words, any signals, and any processes that end in any order. It ends with the program's
 * status, after the program alone, and passes on what signals it gets.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

#define MAX_WORDS 64
#define PROGRAM 7

static jmp_buf left;
static struct input input;
static bool program_ended, is_child;
static int program_status, passed_on, signals;
static pid_t stopped; /* 0: nobody */
static char **words;

static int fail(int error)
{
	errno = error;
	return -1;
}

static int fake_fork(void)
{
	uint8_t how = input_byte(&input);

	is_child = how == 1;
	return how == 0 ? fail(EAGAIN) : how == 1 ? 0 : PROGRAM;
}

/* -1 where the kernel has no more signals, so that every input ends. */
static int fake_sigwait(int *number)
{
	REQUIRE(!program_ended);
	if (input.left == 0)
		return EINTR;
	*number = input_byte(&input) % NSIG + 1;
	signals += *number != SIGCHLD;
	return 0;
}

static pid_t fake_waitpid(int *status, int options)
{
	uint8_t who = input_byte(&input);

	REQUIRE(options == WNOHANG);
	if (input.left == 0 || who % 4 == 0)
		return who & 4 ? fail(ECHILD) : 0;
	/* As wait(2) has it: an exit code or a signal. */
	uint8_t how = input_byte(&input);
	*status = who & 0x80 ? how % 64 + 1 : how << 8;
	if (who & 0x40) { /* a process stops that has named its parent its tracer */
		*status = (how % 64 + 1) << 8 | 0x7f;
		stopped = PROGRAM + who % 4 - 1;
		return stopped;
	}
	if (who % 4 > 1 || program_ended)
		return PROGRAM + who;
	program_ended = true;
	program_status = *status;
	return PROGRAM;
}

static int fake_kill(pid_t pid, int number)
{
	REQUIRE(pid == PROGRAM && number > 0 && number <= NSIG && number != SIGCHLD);
	passed_on++;
	return input_byte(&input) & 1 ? fail(ESRCH) : 0;
}

static long fake_ptrace(int request, pid_t pid, intptr_t number)
{
	REQUIRE(request == PTRACE_DETACH && pid == stopped && number >= 0 && number <= NSIG && number != SIGTRAP);
	stopped = 0;
	return 0;
}

static int fake_execvp(const char *path, char **argv)
{
	REQUIRE(is_child && path == argv[0] && argv >= words && path != NULL);
	return fail(input_byte(&input) & 1 ? ENOENT : EACCES);
}

#define main init_main
#define fork() fake_fork()
#define sigwait(set, number) fake_sigwait(number)
#define waitpid(pid, status, options) fake_waitpid(status, options)
#define kill(pid, number) fake_kill(pid, number)
#define execvp(path, argv) fake_execvp(path, argv)
#define ptrace(request, pid, address, number) fake_ptrace(request, pid, (intptr_t)(number))
#define sigprocmask(how, set, before) ((void)(set))
#define signal(number, handler) ((void)(handler))
#define setpgid(...) 0
#define isatty(fd) (input_byte(&input) & 1)
#define tcsetpgrp(...) 0
#define _exit(status) longjmp(left, 1 + (status))
#define dprintf(fd, ...) ((void)snprintf(NULL, 0, __VA_ARGS__))

#include "../init/init.c"

#undef main

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *argv[MAX_WORDS + 1], text[256];
	volatile int argc = 0;

	input = (struct input){ data, size };
	program_ended = is_child = false;
	signals = passed_on = stopped = 0;
	size_t length = input_bytes(&input, text, input_byte(&input));
	text[length] = '\0';
	for (char *at = text; at < text + length && argc < MAX_WORDS; at += strlen(at) + 1)
		argv[argc++] = at;
	argv[argc] = NULL;
	words = argv;
	if (setjmp(left) != 0) {
		REQUIRE(is_child);
		return 0;
	}
	int status = init_main(argc, argv);
	REQUIRE(!is_child && passed_on == signals && stopped == 0);
	if (program_ended)
		REQUIRE(status == (WIFSIGNALED(program_status) ? 128 + WTERMSIG(program_status) : WEXITSTATUS(program_status)));
	return 0;
}
