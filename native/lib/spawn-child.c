/*
 * Starts the executor: a child of the runtime with the runtime's own standard descriptors. posix_spawn(3) because a forked copy of Node can run nothing
 * (see spawn.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <unistd.h>

#define FIRST_FD 3
#define MAX_FDS 512

/*
 * Executes the program behind a descriptor. The standard descriptors stay what they are (node sets close-on-exec on all
 * that it inherits: dup2 of a descriptor onto itself takes it off, glibc 2.29); fds become 3, 4, …; every other one is
 * closed. Returns the child's process id or -errno.
 */
int tsrun_spawn_child(int program, char **argv, char **envp, const int *fds, int count)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t all, none;
	int lifted[MAX_FDS], ready = 0, error = 0;
	char path[64];
	pid_t pid = 0;

	if (count > MAX_FDS)
		return -E2BIG;
	/* Out of the range that they are about to be copied to. */
	for (; ready < count && error == 0; ready++) {
		lifted[ready] = fcntl(fds[ready], F_DUPFD_CLOEXEC, FIRST_FD + count);
		if (lifted[ready] < 0)
			error = errno;
	}
	sigfillset(&all);
	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&actions);
	for (int fd = 0; fd < FIRST_FD; fd++)
		posix_spawn_file_actions_adddup2(&actions, fd, fd);
	for (int i = 0; i < ready; i++)
		posix_spawn_file_actions_adddup2(&actions, lifted[i], FIRST_FD + i);
	posix_spawn_file_actions_addclosefrom_np(&actions, FIRST_FD + count);
	/* By way of this process: the child has closed its own copy when it executes. */
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), program);
	if (error == 0)
		error = posix_spawn(&pid, path, &actions, &attributes, argv, envp);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	for (int i = 0; i < ready; i++)
		if (lifted[i] >= 0)
			close(lifted[i]);
	return error ? -error : pid;
}
