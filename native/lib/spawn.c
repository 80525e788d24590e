/*
 * Starts the monitor. Node's address space is large and V8 marks its pages MADV_DONTFORK, so a forked copy of it can
 * run nothing: posix_spawn(3) uses vfork semantics (CLONE_VM|CLONE_VFORK) and copies nothing.
 *
 * The monitor must outlive its launcher without becoming its zombie, so it is the child of a child that ends at once.
 * That one is vforked too: no page of memory is copied on the way.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_FD 3
#define MAX_FDS 1024
#define STACK_SIZE (64 << 10) /* of the child between, which calls posix_spawn(3) and nothing else */

/* What is executed: its descriptors become 3, 4, … in this order. */
struct program {
	const char *path;
	char **argv, **envp;
	const int *fds;
	int count;
	int error; /* an errno value */
};

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
		lifted[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_FD + count + 1);
		if (lifted[i] >= 0)
			continue;
		int error = errno;
		while (i-- > 0)
			close(lifted[i]);
		return error;
	}
	return 0;
}

/* The child between: shares the memory of the launcher, which is suspended meanwhile (CLONE_VFORK). */
static int spawn(void *argument)
{
	struct program *program = argument;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t all, none;
	pid_t pid;

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
	for (int i = 0; i < program->count; i++)
		posix_spawn_file_actions_adddup2(&actions, program->fds[i], FIRST_FD + i);
	posix_spawn_file_actions_addclosefrom_np(&actions, FIRST_FD + program->count);
	program->error = posix_spawn(&pid, program->path, &actions, &attributes, program->argv, program->envp);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return 0;
}

/* Returns 0 or an errno value. */
static int spawn_grandchild(struct program *program)
{
	char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	sigset_t all, before;

	if (stack == MAP_FAILED)
		return errno;
	/* No handler of the launcher may run in the child, on memory that they share. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pid_t child = clone(spawn, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, program);
	int error = child < 0 ? errno : 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	munmap(stack, STACK_SIZE);
	/* It has ended already. ECHILD: the embedding program ignores SIGCHLD. */
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		continue;
	return error ? error : program->error;
}

/*
 * Executes path with fds as descriptors 3, 4, … and one more that is the program itself, /dev/null as 0, 1 and 2 and
 * every other descriptor closed, as a process that is nobody's child here. Returns 0 or -errno.
 */
int tsrun_spawn(const char *path, char **argv, char **envp, const int *fds, int count)
{
	int lifted[MAX_FDS];
	char name[64];

	if (count >= MAX_FDS)
		return -E2BIG;
	int error = lift(fds, count, lifted);
	if (error)
		return -error;
	int file = open_read_only(path);
	/*
	 * The program is handed on because the last close of its mount waits for every CPU (synchronize_rcu(9)): whoever
	 * starts a container has no time for that, a monitor that ends has.
	 */
	lifted[count] = file < 0 ? -1 : fcntl(file, F_DUPFD_CLOEXEC, FIRST_FD + count + 1);
	if (lifted[count] < 0)
		error = errno;
	if (file >= 0)
		close(file);
	if (error == 0) {
		struct program program = { .path = name, .argv = argv, .envp = envp, .fds = lifted, .count = count + 1 };

		/* By way of this process: the child has closed its own copy when it executes. */
		snprintf(name, sizeof(name), "/proc/%d/fd/%d", getpid(), lifted[count]);
		error = spawn_grandchild(&program);
		close(lifted[count]);
	}
	for (int i = 0; i < count; i++)
		close(lifted[i]);
	return -error;
}

/* A call of tsrun_spawn() under way, with copies of what it was given. */
struct task {
	pthread_t thread;
	char *path, **argv, **envp;
	int *fds, count;
	int result;
};

static void *run(void *argument)
{
	struct task *task = argument;

	task->result = tsrun_spawn(task->path, task->argv, task->envp, task->fds, task->count);
	return NULL;
}

static void free_strings(char **strings)
{
	for (int i = 0; strings && strings[i]; i++)
		free(strings[i]);
	free(strings);
}

static char **copy_strings(char **strings)
{
	size_t count = 0;

	while (strings[count])
		count++;
	char **copy = calloc(count + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < count; i++) {
		copy[i] = strdup(strings[i]);
		if (copy[i])
			continue;
		free_strings(copy);
		return NULL;
	}
	return copy;
}

static void free_task(struct task *task)
{
	free(task->path);
	free_strings(task->argv);
	free_strings(task->envp);
	free(task->fds);
	free(task);
}

/* Begins a tsrun_spawn() on a thread of its own. Returns what tsrun_spawn_end() takes, or NULL. */
void *tsrun_spawn_begin(const char *path, char **argv, char **envp, const int *fds, int count)
{
	struct task *task = calloc(1, sizeof(*task));
	sigset_t all, before;

	if (task == NULL)
		return NULL;
	*task = (struct task){
		.path = strdup(path),
		.argv = copy_strings(argv),
		.envp = copy_strings(envp),
		.fds = calloc((size_t)count + 1, sizeof(*fds)),
		.count = count,
	};
	/* Signals are for the threads of the embedding program. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	int error = ENOMEM;
	if (task->path && task->argv && task->envp && task->fds) {
		memcpy(task->fds, fds, (size_t)count * sizeof(*fds));
		error = pthread_create(&task->thread, NULL, run, task);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		return task;
	free_task(task);
	return NULL;
}

/* Waits for it, and returns what it returned. */
int tsrun_spawn_end(void *begun)
{
	struct task *task = begun;

	pthread_join(task->thread, NULL);
	int result = task->result;
	free_task(task);
	return result;
}
