#include "interpreter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attributes.h"
#include "channel.h"
#include "fs-ids.h"
#include "id-maps.h"
#include "mounts.h"
#include "namespaces.h"
#include "paths.h"
#include "plan-check.h"
#include "procfs.h"
#include "pty.h"
#include "tmpfs.h"

#define BETWEEN_STACK (256 << 10)

int plan_load(struct plan_context *context, int fd)
{
	struct stat info;

	if (fstat(fd, &info) < 0)
		return errno;
	if (info.st_size == 0)
		return EINVAL;
	char *base = mmap(NULL, (size_t)info.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (base == MAP_FAILED)
		return errno;
	context->base = base;
	return plan_check(base, (size_t)info.st_size, &context->step);
}

/* NULL where there is none: also of a number, since execute() asks for every first argument. */
static const char *string(const struct plan_context *context, uint64_t offset)
{
	return offset && offset < ((const struct plan_header *)context->base)->size ? context->base + offset : NULL;
}

/* Turns a table of offsets into one of pointers, in place; only once, since each table belongs to one step. */
static char **table(const struct plan_context *context, uint64_t offset)
{
	/* What is written as a number is read as a pointer. */
	typedef uint64_t __attribute__((may_alias)) word;
	word *entry = (word *)(context->base + offset);

	for (word *e = entry; *e; e++)
		*e = (uint64_t)(uintptr_t)(context->base + *e);
	return (char **)entry;
}

static int slot(const struct plan_context *context, uint64_t number)
{
	return number < PLAN_SLOTS ? context->slots[number] : -1;
}

/* What the monitor ignores would stay ignored through execve (signal(7)). */
static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void clear_slot(struct plan_context *context, uint64_t number)
{
	if (number >= PLAN_SLOTS || context->slots[number] < 0)
		return;
	close(context->slots[number]);
	context->slots[number] = -1;
}

/* Puts what a step opened into a slot, whose last content goes. Returns 0, or -1 with errno for a descriptor of -1. */
static int fill_slot(struct plan_context *context, uint64_t number, int fd)
{
	int error = errno;

	clear_slot(context, number);
	errno = error;
	if (fd < 0)
		return -1;
	context->slots[number] = fd;
	return 0;
}

/* One byte from the monitor; without it there shall be no container. */
static void await_parent(const struct plan_context *context)
{
	char word;

	if (read(context->channel, &word, 1) != 1)
		_exit(1);
}

/* In the parent: the child waits until it is somebody in its user namespace. */
static int map_child(struct plan_context *context, const uint64_t *arg)
{
	int error = id_maps_write(context->child, string(context, arg[2]), string(context, arg[3]));

	if (error == 0 && write(context->monitor_end, "", 1) == 1)
		return 0;
	kill(context->child, SIGKILL);
	waitpid(context->child, NULL, 0);
	context->child = 0;
	errno = error ? error : EPIPE;
	return -1;
}

static int step_clone(struct plan_context *context, const uint64_t *arg)
{
	struct clone_args how = {
		.flags = arg[0] | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&context->pidfd,
		.exit_signal = SIGCHLD,
	};

	if (context->for_parent) {
		how.flags |= CLONE_PARENT;
		how.exit_signal = 0; /* that of this process (clone(2)) */
	}
	if (arg[1] != SLOT_NONE) {
		how.flags |= CLONE_INTO_CGROUP;
		how.cgroup = (uint64_t)slot(context, arg[1]);
	}
	/* The raw call: glibc's fork() would run atfork handlers and has no way to pass these flags. */
	context->child = (pid_t)syscall(SYS_clone3, &how, sizeof(how));
	if (context->child < 0)
		return -1;
	context->in_child = context->child == 0;
	if (!context->in_child)
		return arg[2] ? map_child(context, arg) : 0;
	/* While the child held a copy, it would never see the monitor hang up. */
	close(context->monitor_end);
	for (int i = 0; i < context->parents_own_count; i++)
		close(context->parents_own[i]);
	reset_signals();
	if (arg[2])
		await_parent(context);
	return 0;
}

/*
 * Who may wait for long holds nothing of the host's open, like a cgroup's directory. What execve keeps stays: a slot's
 * number may be that of a descriptor which the process is to have.
 */
static void clear_slots_but(struct plan_context *context, uint64_t kept)
{
	for (uint64_t i = 0; i < PLAN_SLOTS; i++)
		if (i != kept && context->slots[i] >= 0 && fcntl(context->slots[i], F_GETFD) == FD_CLOEXEC)
			clear_slot(context, i);
}

static void end_by_signal(int number)
{
	_exit(128 + number);
}

/* The first process of a pid namespace gets no signal that it does not handle (pid_namespaces(7)); execve resets this. */
static void heed_signals(void)
{
	static const int deadly[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

	for (size_t i = 0; i < sizeof(deadly) / sizeof(*deadly); i++)
		signal(deadly[i], end_by_signal);
}

/*
 * Tells the launcher, through the monitor, that this step is reached; goes on when one byte comes back. With a slot it
 * belongs to nobody from then on, and goes on when one byte comes through that.
 */
static int step_wait(struct plan_context *context, uint64_t gate)
{
	struct channel_message message = { .kind = CHANNEL_WAITING, .step = context->step };
	char word;

	errno = channel_send(context->channel, message, -1);
	if (errno)
		return -1;
	await_parent(context);
	if (gate == SLOT_NONE)
		return 0;
	clear_slots_but(context, gate);
	heed_signals();
	close(context->channel);
	context->channel = -1;
	while (read(slot(context, gate), &word, 1) != 1)
		if (errno != EINTR)
			return -1;
	clear_slot(context, gate);
	return 0;
}

static int open_for_writing(const char *path)
{
	struct open_how how = { .flags = O_WRONLY | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS };

	if (strncmp(path, "/proc/", 6) == 0)
		return procfs_open(path);
	return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

static int step_write_file(const char *path, const char *data)
{
	int fd = open_for_writing(path);

	if (fd < 0)
		return -1;
	ssize_t written = write(fd, data, strlen(data));
	int saved = errno;
	close(fd);
	errno = saved;
	return written < 0 ? -1 : 0;
}

static int change_directory(const char *path)
{
	int fd = path_open(path, O_DIRECTORY);

	if (fd < 0)
		return -1;
	int result = fchdir(fd);
	int saved = errno;
	close(fd);
	errno = saved;
	return result;
}

/* With retry, only where the last attempt failed: another user tries. */
static int step_chdir(struct plan_context *context, const char *path, bool retry)
{
	if (retry && !context->chdir_failed)
		return 0;
	int result = change_directory(path);
	context->chdir_failed = result < 0;
	return result;
}

static int step_chroot(const char *path)
{
	return change_directory(path) < 0 || chroot(".") < 0 ? -1 : chdir("/");
}

/* Where pivot_root(2) cannot be (an initramfs): over the old root, and into it. */
static int step_move_root(void)
{
	return mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ? -1 : chdir("/");
}

static int step_open_path(struct plan_context *context, const char *path, uint64_t number)
{
	return fill_slot(context, number, open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
}

static int step_mkdir(const char *path, mode_t mode)
{
	int fd = path_make_directory(path, mode);

	return fd < 0 ? -1 : close(fd);
}

/* What a mount can be attached to: a directory for a directory, a file for anything else. */
static int step_mount_point(int tree, const char *path)
{
	struct stat info;

	if (fstat(tree, &info) < 0)
		return -1;
	return S_ISDIR(info.st_mode) ? step_mkdir(path, 0755) : path_make_file(path, 0644);
}

static int step_mknod(const uint64_t *arg, const char *path)
{
	const char *leaf;
	int parent = path_open_parent(path, &leaf);

	if (parent < 0)
		return -1;
	dev_t device = makedev((unsigned)arg[2], (unsigned)arg[3]);
	struct stat info;

	int result = mknodat(parent, leaf, (mode_t)arg[1], device);
	int saved = errno;
	/* What is there already will do if it is the same device. */
	if (result < 0 && saved == EEXIST && fstatat(parent, leaf, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (info.st_mode & S_IFMT) == (arg[1] & S_IFMT) && (S_ISFIFO(info.st_mode) || info.st_rdev == device))
		result = 0;
	close(parent);
	errno = saved;
	return result;
}

static int step_chown(const char *path, uid_t uid, gid_t gid)
{
	const char *leaf;
	int parent = path_open_parent(path, &leaf);

	if (parent < 0)
		return -1;
	int result = fchownat(parent, leaf, uid, gid, AT_SYMLINK_NOFOLLOW);
	int saved = errno;
	close(parent);
	errno = saved;
	return result;
}

static int step_symlink(const char *target, const char *path)
{
	const char *leaf;
	int parent = path_open_parent(path, &leaf);

	if (parent < 0)
		return -1;
	int result = symlinkat(target, parent, leaf);
	int saved = errno;
	close(parent);
	errno = saved;
	return result;
}

static int step_move_mount(struct plan_context *context, uint64_t number, const char *target)
{
	if (mount_move(slot(context, number), target) < 0)
		return -1;
	clear_slot(context, number);
	return 0;
}

/* netdevice(7): the ioctl is the shortest way to set one flag, and needs no netlink in here. */
static int step_link_up(const char *link)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	memcpy(request.ifr_name, link, strnlen(link, IFNAMSIZ - 1));
	int result = ioctl(fd, SIOCGIFFLAGS, &request);
	if (result == 0) {
		request.ifr_flags |= IFF_UP;
		result = ioctl(fd, SIOCSIFFLAGS, &request);
	}
	int saved = errno;
	close(fd);
	errno = saved;
	return result;
}

static int step_dup2(const struct plan_context *context, const uint64_t *arg)
{
	return dup2(slot(context, arg[0]), (int)arg[1]) < 0 ? -1 : 0;
}

static bool is_null_device(const struct stat *info)
{
	return S_ISCHR(info->st_mode) && info->st_rdev == makedev(1, 3);
}

/* A standard stream that is the host's /dev/null becomes the container's: whose mode it changes is then its own. */
static int step_reopen_null(void)
{
	struct stat info;

	for (int fd = 0; fd <= 2; fd++) {
		if (fstat(fd, &info) < 0 || !is_null_device(&info))
			continue;
		int ours = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		if (ours < 0)
			return -1;
		bool real = fstat(ours, &info) == 0 && is_null_device(&info);
		int result = real ? dup2(ours, fd) : -1;
		int saved = real ? errno : ENODEV;
		close(ours);
		errno = saved;
		if (result < 0)
			return -1;
	}
	return 0;
}

static int chown_stream(int fd, uid_t uid)
{
	struct stat info;

	if (fstat(fd, &info) < 0)
		return -1;
	if (is_null_device(&info))
		return 0; /* stdin may be the host's own /dev/null: not ours to give away */
	/* The group stays: a pty belongs to the tty group, whose members may write to it (wall(1)). */
	return fchown(fd, uid, (gid_t)-1) < 0 && errno != EROFS && errno != EPERM ? -1 : 0;
}

static int step_chown_stdio(uid_t uid)
{
	for (int fd = 0; fd <= 2; fd++)
		if (chown_stream(fd, uid) < 0)
			return -1;
	return 0;
}

static int step_cap_bounding_set(uint64_t keep)
{
	for (int capability = 0; capability < 64; capability++) {
		if (keep & (UINT64_C(1) << capability))
			continue;
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
			return errno == EINVAL ? 0 : -1; /* EINVAL: past the last one this kernel knows */
	}
	return 0;
}

static int step_capset(const uint64_t *arg)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	for (int word = 0; word < 2; word++) {
		data[word].effective = (uint32_t)(arg[0] >> (32 * word));
		data[word].permitted = (uint32_t)(arg[1] >> (32 * word));
		data[word].inheritable = (uint32_t)(arg[2] >> (32 * word));
	}
	return (int)syscall(SYS_capset, &header, data);
}

static int step_cap_ambient(uint64_t raise)
{
	for (int capability = 0; capability < 64; capability++)
		if (raise & (UINT64_C(1) << capability) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
			return -1;
	return 0;
}

/*
 * The launcher takes a descriptor from this process, by pidfd_getfd(2). That of a seccomp listener is told by write(2),
 * which a profile may not give to the listener, and no other call is made meanwhile: each may be one that waits for its word.
 */
static int offer(const struct plan_context *context, int fd)
{
	struct channel_message message = { .kind = CHANNEL_WAITING, .step = context->step, .error = fd };

	if (write(context->channel, &message, sizeof(message)) != sizeof(message))
		return -1;
	await_parent(context);
	return 0;
}

static int offer_listener(const struct plan_context *context, int listener)
{
	return offer(context, listener) < 0 ? -1 : close(listener);
}

/* By the launcher where this process has no say over the filesystem: in a user namespace of its own (mount_setattr(2)). */
static int step_idmap(const struct plan_context *context, const uint64_t *arg)
{
	int tree = slot(context, arg[0]);

	return arg[3] ? offer(context, tree) : mount_map_ids(tree, slot(context, arg[1]), arg[2] != 0);
}

static int step_seccomp(const struct plan_context *context, const uint64_t *arg)
{
	struct sock_fprog program = {
		.len = (unsigned short)arg[1],
		.filter = (struct sock_filter *)(context->base + arg[0]),
	};

	int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, (unsigned)arg[2], &program);
	if (listener < 0)
		return -1;
	return arg[2] & SECCOMP_FILTER_FLAG_NEW_LISTENER ? offer_listener(context, listener) : 0;
}

/*
 * Whether execve(2) will find something, said while somebody listens; the reason is the one that execvp(3) would have. A
 * filter that forbids to look says nothing about the program.
 */
static int step_find_program(const struct plan_context *context, uint64_t candidates)
{
	int reason = ENOENT;

	for (char **candidate = table(context, candidates); *candidate; candidate++) {
		struct stat info;

		if (stat(*candidate, &info) < 0) {
			if (errno == EPERM || errno == ENOSYS)
				return 0;
			if (errno == EACCES)
				reason = EACCES;
			continue;
		}
		if (!S_ISDIR(info.st_mode) &&
		    (faccessat(AT_FDCWD, *candidate, X_OK, AT_EACCESS) == 0 || errno == EPERM || errno == ENOSYS))
			return 0;
		reason = S_ISDIR(info.st_mode) && reason == ENOENT ? EISDIR : EACCES;
	}
	errno = reason;
	return -1;
}

/* What the step of a wait that is still to come reads from; -1 where there is none. */
static int later_gate(const struct plan_context *context)
{
	const struct plan_header *header = (const struct plan_header *)context->base;
	const struct plan_step *steps = (const struct plan_step *)(header + 1);

	for (uint32_t step = context->step + 1; step < header->step_count; step++)
		if (steps[step].op == OP_WAIT && steps[step].arg[0] != SLOT_NONE)
			return slot(context, steps[step].arg[0]);
	return -1;
}

/*
 * Closes them now: those that are only marked for execve(2) to close are still there while it looks up the program, whose
 * name may lead through them (/proc/self/fd/N/..., CVE-2024-21626). What is kept is no directory: the channel, which
 * tells of a failure, and the gate of a wait to come, which is closed by that.
 */
static int step_close_range(const struct plan_context *context, unsigned first)
{
	int gate = later_gate(context), channel = context->channel;
	int kept[] = { gate < channel ? gate : channel, gate < channel ? channel : gate };

	for (int i = 0; i < 2; i++) {
		if (kept[i] < 0 || (unsigned)kept[i] < first)
			continue;
		if ((unsigned)kept[i] > first && syscall(SYS_close_range, first, kept[i] - 1, 0) < 0)
			return -1;
		first = (unsigned)kept[i] + 1;
	}
	return (int)syscall(SYS_close_range, first, ~0U, 0);
}

/* Tries each candidate as execvp(3) does: go on where nothing is, remember EACCES as the better reason. */
static int step_execve(struct plan_context *context, const uint64_t *arg)
{
	char **candidates = table(context, arg[0]), **argv = table(context, arg[1]), **envp = table(context, arg[2]);
	struct pollfd parent = { .fd = context->channel }; /* poll(2) passes over a negative one */
	int reason = ENOENT;

	context->program = argv[0];
	/* PR_SET_PDEATHSIG misses a parent that died before it was set; the socket does not. */
	if (poll(&parent, 1, 0) > 0 && parent.revents & POLLHUP)
		_exit(1);
	for (; *candidates; candidates++) {
		execve(*candidates, argv, envp);
		if (errno == EACCES)
			reason = EACCES;
		else if (errno != ENOENT && errno != ENOTDIR) {
			reason = errno;
			break;
		}
	}
	errno = reason;
	return -1;
}

static int execute(struct plan_context *context, const struct plan_step *step)
{
	const uint64_t *arg = step->arg;
	const char *path = string(context, arg[0]);

	switch ((enum plan_op)step->op) {
	case OP_CLONE:
		return step_clone(context, arg);
	case OP_SETNS:
		return namespace_join(slot(context, arg[0]), (int)arg[1]);
	case OP_UNSHARE:
		return unshare((int)arg[0]);
	case OP_WAIT:
		return step_wait(context, arg[0]);
	case OP_WRITE_FILE:
		return step_write_file(path, string(context, arg[1]));
	case OP_MOUNT:
		return mount_filesystem(path, string(context, arg[1]), string(context, arg[2]), arg[3], string(context, arg[4]));
	case OP_MOUNT_OVERLAY:
		return mount_overlay(table(context, arg[0]), string(context, arg[1]), string(context, arg[2]),
				     string(context, arg[3]), table(context, arg[4]));
	case OP_OPEN_TREE:
		return fill_slot(context, arg[1], arg[4] == SLOT_NONE ? mount_open_tree(path, arg[2] != 0, string(context, arg[3]))
							      : mount_open_tree_from(slot(context, arg[4]), path, arg[2] != 0));
	case OP_MOVE_MOUNT:
		return step_move_mount(context, arg[0], string(context, arg[1]));
	case OP_MOUNT_SETATTR:
		return mount_set_attributes(path, arg[1], arg[2], arg[3], arg[4] != 0);
	case OP_PIVOT_ROOT:
		return (int)syscall(SYS_pivot_root, path, string(context, arg[1]));
	case OP_UMOUNT:
		return umount2(path, (int)arg[1]);
	case OP_CHDIR:
		return step_chdir(context, path, arg[1] != 0);
	case OP_MKDIR:
		return step_mkdir(path, (mode_t)arg[1]);
	case OP_TOUCH:
		return path_make_file(path, (mode_t)arg[1]);
	case OP_MKNOD:
		return step_mknod(arg, path);
	case OP_CHOWN:
		return step_chown(path, (uid_t)arg[1], (gid_t)arg[2]);
	case OP_SYMLINK:
		return step_symlink(path, string(context, arg[1]));
	case OP_MASK:
		return mount_mask(path);
	case OP_SETHOSTNAME:
		return sethostname(path, strlen(path));
	case OP_SETDOMAINNAME:
		return setdomainname(path, strlen(path));
	case OP_LINK_UP:
		return step_link_up(path);
	case OP_OPEN_PTY:
		return pty_open(context, (unsigned short)arg[0], (unsigned short)arg[1]);
	case OP_BIND_CONSOLE:
		return mount_console(context->slots[SLOT_STDIN], path);
	case OP_SETSID:
		return setsid() < 0 ? -1 : 0;
	case OP_SET_CONTROLLING_TERMINAL:
		return ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	case OP_DUP2:
		return step_dup2(context, arg);
	case OP_CHOWN_STDIO:
		return step_chown_stdio((uid_t)arg[0]);
	case OP_SETRLIMIT:
		return setrlimit((int)arg[0], &(struct rlimit){ .rlim_cur = arg[1], .rlim_max = arg[2] });
	case OP_UMASK:
		umask((mode_t)arg[0]);
		return 0;
	case OP_PRCTL:
		return prctl((int)arg[0], arg[1], 0, 0, 0);
	case OP_CAP_BOUNDING_SET:
		return step_cap_bounding_set(arg[0]);
	case OP_CAPSET:
		return step_capset(arg);
	case OP_CAP_AMBIENT:
		return step_cap_ambient(arg[0]);
	case OP_SETGROUPS:
		/* The raw calls: glibc's would signal every thread of the process, and there is one. */
		return (int)syscall(SYS_setgroups, arg[1], context->base + arg[0]);
	case OP_SETRESGID:
		return (int)syscall(SYS_setresgid, (gid_t)arg[0], (gid_t)arg[0], (gid_t)arg[0]);
	case OP_SETRESUID:
		return (int)syscall(SYS_setresuid, (uid_t)arg[0], (uid_t)arg[0], (uid_t)arg[0]);
	case OP_SECCOMP:
		return step_seccomp(context, arg);
	case OP_CLOSE_RANGE:
		return step_close_range(context, (unsigned)arg[0]);
	case OP_EXECVE:
		return step_execve(context, arg);
	case OP_IDMAP:
		return step_idmap(context, arg);
	case OP_OPEN_PATH:
		return step_open_path(context, path, arg[1]);
	case OP_FCHDIR:
		return fchdir(slot(context, arg[0]));
	case OP_CHROOT:
		return step_chroot(path);
	case OP_TREE_SETATTR:
		return mount_set_tree_attributes(slot(context, arg[0]), arg[1], arg[2], arg[3], arg[4] != 0);
	case OP_TIME_NAMESPACE:
		return namespace_time(path);
	case OP_MOUNT_TMPFS:
		return tmpfs_mount(path, string(context, arg[1]), arg[2], string(context, arg[3]), arg[4] != 0);
	case OP_PERSONALITY:
		return attribute_personality(arg[0]);
	case OP_IO_PRIORITY:
		return attribute_io_priority(arg[0]);
	case OP_SCHEDULER:
		return attribute_scheduler(arg);
	case OP_CPU_AFFINITY:
		/* The raw call: glibc's fails where the mask is longer than the kernel's. */
		return syscall(SYS_sched_setaffinity, 0, arg[1], context->base + arg[0]) < 0 ? -1 : 0;
	case OP_MEMORY_POLICY:
		return attribute_memory_policy(arg[0], string(context, arg[1]), arg[2]);
	case OP_SESSION_KEYRING:
		return attribute_session_keyring(path);
	case OP_FIND_PROGRAM:
		return step_find_program(context, arg[0]);
	case OP_MOVE_ROOT:
		return step_move_root();
	case OP_ENSURE_DIRECTORY:
		return path_ensure_directory(path);
	case OP_PARENT_PROPAGATION:
		return mount_set_parent_propagation(path, arg[1]);
	case OP_CLOSE:
		clear_slot(context, arg[0]);
		return 0;
	case OP_MOUNT_POINT:
		return step_mount_point(slot(context, arg[0]), string(context, arg[1]));
	case OP_REOPEN_NULL:
		return step_reopen_null();
	case OP_SET_FS_IDS:
		return fs_ids_set((uid_t)arg[0], (gid_t)arg[1]);
	case OP_CHOWN_STREAM:
		return chown_stream(slot(context, arg[0]), (uid_t)arg[1]);
	case OP_FORK:
		break; /* run_steps() knows it */
	}
	errno = ENOSYS;
	return -1;
}

static bool tolerated(const struct plan_step *step, int error)
{
	return error == step->tolerate[0] || error == step->tolerate[1];
}

static int run_between(struct plan_context *context);

/* From context->step on. */
static int run_steps(struct plan_context *context)
{
	const struct plan_header *header = (const struct plan_header *)context->base;
	const struct plan_step *steps = (const struct plan_step *)(header + 1);

	for (; context->step < header->step_count; context->step++) {
		const struct plan_step *step = &steps[context->step];

		if (step->op == OP_FORK) {
			if (context->for_parent)
				return EINVAL; /* one between is enough: the next would make the child its own */
			context->step++;
			return run_between(context);
		}
		if (execute(context, step) < 0 && !tolerated(step, errno))
			return errno;
		if (step->op == OP_CLONE && !context->in_child)
			return 0;
	}
	return EINVAL; /* a Plan ends in execve */
}

static int between(void *argument)
{
	struct plan_context *context = argument;

	context->between_error = run_steps(context);
	if (context->in_child)
		context->report(context->between_error);
	return 0;
}

static int run_between(struct plan_context *context)
{
	static char stack[BETWEEN_STACK] __attribute__((aligned(16)));
	int status;

	context->for_parent = true;
	pid_t pid = clone(between, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, context);
	if (pid < 0)
		return errno;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return context->between_error;
}

int plan_run(struct plan_context *context)
{
	context->step = 0;
	return run_steps(context);
}

int plan_run_between(struct plan_context *context)
{
	context->step = 0;
	return run_between(context);
}
