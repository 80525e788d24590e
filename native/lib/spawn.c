/*
 * Starts the monitor. Node's address space is large and V8 marks its pages MADV_DONTFORK, so a forked copy of it can
 * run nothing: posix_spawn(3) uses vfork semantics (CLONE_VM|CLONE_VFORK) and copies nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_FD 3
#define MAX_FDS 64

/*
 * The program behind a mount of its own, read-only and attached nowhere: until its execve, the process in a container
 * runs this program, and what is in the container already can reach it through /proc/PID/exe. By that way it must not
 * be able to write to the host's file (CVE-2019-5736). Returns a descriptor or -1 with errno.
 */
static int open_read_only(const char *path)
{
	struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0 || syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &read_only, sizeof(read_only)) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* Moves the descriptors out of the range that they are about to be copied to. Returns 0 or an errno value. */
static int lift(const int *fds, int count, int lifted[MAX_FDS])
{
	for (int i = 0; i < count; i++) {
		lifted[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_FD + MAX_FDS);
		if (lifted[i] >= 0)
			continue;
		int error = errno;
		while (i-- > 0)
			close(lifted[i]);
		return error;
	}
	return 0;
}

static int spawn(const char *path, char **argv, char **envp, const int *fds, int count, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t all, none;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&actions, 0, 1);
	posix_spawn_file_actions_adddup2(&actions, 0, 2);
	for (int i = 0; i < count; i++)
		posix_spawn_file_actions_adddup2(&actions, fds[i], FIRST_FD + i);
	posix_spawn_file_actions_addclosefrom_np(&actions, FIRST_FD + count);
	int error = posix_spawn(pid, path, &actions, &attributes, argv, envp);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/*
 * Executes path with fds as descriptors 3, 4, …, /dev/null as 0, 1 and 2 and every other descriptor closed, and waits
 * for the process, which is expected to fork away at once. Returns 0 or -errno.
 */
int tsrun_spawn(const char *path, char **argv, char **envp, const int *fds, int count)
{
	int lifted[MAX_FDS], status;
	char program[64];
	pid_t pid;

	if (count > MAX_FDS)
		return -E2BIG;
	int error = lift(fds, count, lifted);
	if (error)
		return -error;
	int file = open_read_only(path);
	error = file < 0 ? errno : 0;
	/* By way of this process: the child has closed its own copy when it executes. */
	snprintf(program, sizeof(program), "/proc/%d/fd/%d", getpid(), file);
	if (error == 0)
		error = spawn(program, argv, envp, lifted, count, &pid);
	if (file >= 0)
		close(file);
	for (int i = 0; i < count; i++)
		close(lifted[i]);
	if (error)
		return -error;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno == ECHILD ? 0 : -errno; /* ECHILD: the embedding program ignores SIGCHLD */
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPROTO;
}
