#include "children.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXPECTED 2

static struct {
	pid_t pid; /* 0: free */
	bool ended;
	int status;
} expected[EXPECTED];

static int told = -1; /* eventfd(2) */

/* Runs in a child too, until its execve: then it wakes this process for nothing. */
static void tell(int number)
{
	int error = errno;

	(void)number;
	(void)!write(told, &(uint64_t){ 1 }, sizeof(uint64_t)); /* full, it is readable as well */
	errno = error;
}

int children_watch(void)
{
	struct sigaction action = { .sa_handler = tell, .sa_flags = SA_RESTART };

	told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (told >= 0)
		sigaction(SIGCHLD, &action, NULL);
	return told;
}

void children_expect(pid_t pid)
{
	for (int i = 0; i < EXPECTED; i++)
		if (expected[i].pid == 0) {
			expected[i].pid = pid;
			expected[i].ended = false;
			return;
		}
}

/* Nobody is traced from here. SIGTRAP is what a traced process gets for its execve, and would kill one that is not. */
static void let_go(pid_t pid, int number)
{
	ptrace(PTRACE_DETACH, pid, NULL, (void *)(intptr_t)(number == SIGTRAP ? 0 : number));
}

static void note(pid_t pid, int status)
{
	if (WIFSTOPPED(status)) {
		let_go(pid, WSTOPSIG(status));
		return;
	}
	for (int i = 0; i < EXPECTED; i++)
		if (expected[i].pid == pid) {
			expected[i].ended = true;
			expected[i].status = status;
		}
}

void children_reap(void)
{
	uint64_t count;
	pid_t pid;
	int status;

	/* First, so that what comes later is told again. */
	(void)!read(told, &count, sizeof(count));
	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0)
		note(pid, status);
}

/* Takes what is known of it. */
static bool take(pid_t pid, int *status)
{
	for (int i = 0; i < EXPECTED; i++)
		if (expected[i].pid == pid && expected[i].ended) {
			*status = expected[i].status;
			expected[i].pid = 0;
			return true;
		}
	return false;
}

int children_wait(pid_t pid)
{
	int status;

	while (!take(pid, &status)) {
		pid_t ended = waitpid(-1, &status, __WALL);

		if (ended < 0 && errno != EINTR)
			return 0;
		if (ended > 0)
			note(ended, status);
	}
	return status;
}
