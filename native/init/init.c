/*
 * The init of `run --init`: pid 1 that starts the given program, passes signals on to it, reaps what is orphaned and
 * ends with the program's status.
 *
 *     /dev/init -- PROGRAM [ARG...]
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void run(char **argv, const sigset_t *mask)
{
	sigprocmask(SIG_SETMASK, mask, NULL);
	/* Its own process group, in the foreground: Ctrl-C reaches the program's children as in a shell. */
	setpgid(0, 0);
	signal(SIGTTOU, SIG_IGN);
	if (isatty(STDIN_FILENO))
		tcsetpgrp(STDIN_FILENO, getpgrp());
	signal(SIGTTOU, SIG_DFL);
	execvp(argv[0], argv);
	int error = errno;
	dprintf(STDERR_FILENO, "init: %s: %s\n", argv[0], strerror(error));
	_exit(error == ENOENT ? 127 : 126);
}

/*
 * Reaps everything that has ended; the program's own status goes to *status. Returns whether it was among them. A process
 * that has named its parent its tracer (PTRACE_TRACEME, ptrace(2)) is seen to stop here: nobody traces it, so it goes on,
 * without the SIGTRAP that a traced process gets for its execve.
 */
static int reap(pid_t program, int *status)
{
	int found = 0, now;
	pid_t pid;

	while ((pid = waitpid(-1, &now, WNOHANG)) > 0)
		if (WIFSTOPPED(now)) {
			int number = WSTOPSIG(now) == SIGTRAP ? 0 : WSTOPSIG(now);

			ptrace(PTRACE_DETACH, pid, NULL, (void *)(intptr_t)number);
		} else if (pid == program) {
			*status = now;
			found = 1;
		}
	return found;
}

int main(int argc, char **argv)
{
	sigset_t all, original;
	int status = 0, number;

	int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
	if (first >= argc) {
		dprintf(STDERR_FILENO, "usage: init -- PROGRAM [ARG...]\n");
		return 2;
	}
	/* Every signal stays blocked and is fetched by sigwait: nothing can be missed between two calls. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &original);
	pid_t program = fork();
	if (program < 0)
		return 126;
	if (program == 0)
		run(argv + first, &original);

	while (sigwait(&all, &number) == 0) {
		if (number != SIGCHLD)
			kill(program, number);
		else if (reap(program, &status))
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
	return 1;
}
