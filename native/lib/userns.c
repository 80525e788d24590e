/*
 * User namespaces with nobody in them yet: tables of ids for idmapped mounts (mount_setattr(2), MOUNT_ATTR_IDMAP), and
 * those that a container will join.
 *
 * unshare(2) makes none in a process of several threads, so it takes a process: a child that shares this one's memory,
 * as vfork(2) has it, and does nothing but wait to be killed. The maps are written from outside; once the namespace is
 * held by a descriptor, nobody needs to run in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_SIZE (16 << 10)

/* Shares the memory of a process at work: system calls only, by their numbers, since errno is not its own. */
static int wait_for_ever(void *unused)
{
	(void)unused;
	for (;;)
		syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0); /* aarch64 has no pause(2) */
	return 0;
}

static int open_of(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, flags | O_CLOEXEC);
}

/* user_namespaces(7): a map is taken by one write(2). Returns 0 or -errno. */
static int write_map(pid_t pid, const char *name, const char *map)
{
	int fd = open_of(pid, name, O_WRONLY);

	if (fd < 0)
		return -errno;
	int result = write(fd, map, strlen(map)) < 0 ? -errno : 0;
	close(fd);
	return result;
}

/* What of the child is wanted: its user namespace, and where net is not NULL, its network namespace too. 0 or -errno. */
static int map_and_open(pid_t pid, const char *uid_map, const char *gid_map, int *user, int *net)
{
	int result = write_map(pid, "uid_map", uid_map);

	if (result == 0)
		result = write_map(pid, "gid_map", gid_map);
	if (result < 0)
		return result;
	*user = open_of(pid, "ns/user", O_RDONLY);
	if (*user < 0)
		return -errno;
	if (net == NULL)
		return 0;
	*net = open_of(pid, "ns/net", O_RDONLY);
	if (*net >= 0)
		return 0;
	result = -errno;
	close(*user);
	return result;
}

static int make_namespaces(const char *uid_map, const char *gid_map, int *user, int *net)
{
	char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	int flags = CLONE_NEWUSER | CLONE_VM | (net ? CLONE_NEWNET : 0);
	sigset_t all, before;

	if (stack == MAP_FAILED)
		return -errno;
	/* No handler of this process may run in the child, on memory that they share. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	/* No signal tells of its end: Node would look for a child of its own. */
	pid_t child = clone(wait_for_ever, stack + STACK_SIZE, flags, NULL);
	int result = child < 0 ? -errno : map_and_open(child, uid_map, gid_map, user, net);

	pthread_sigmask(SIG_SETMASK, &before, NULL);

	if (child > 0) {
		kill(child, SIGKILL);
		while (waitpid(child, NULL, __WCLONE) < 0 && errno == EINTR)
			continue;
	}
	munmap(stack, STACK_SIZE);
	return result;
}

/* Makes a user namespace with these maps, lines as in uid_map. Returns a descriptor of it or -errno. */
int tsrun_userns_open(const char *uid_map, const char *gid_map)
{
	int user = -1, result = make_namespaces(uid_map, gid_map, &user, NULL);

	return result < 0 ? result : user;
}

/* The same with a network namespace that it owns (user_namespaces(7)): fds[0] and fds[1]. 0, or -errno. */
int tsrun_userns_open_net(const char *uid_map, const char *gid_map, int fds[2])
{
	return make_namespaces(uid_map, gid_map, &fds[0], &fds[1]);
}
