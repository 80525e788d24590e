/*
 * The interpreter with a Plan from anywhere: what the check lets pass is executed to the end, by doubles of all that
 * meets the kernel, which read every byte of what they are given.
 */
#include <dirent.h>
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
#include <stdarg.h>
#include <stdlib.h>
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
#include "fuzz.h"
#include "id-maps.h"
#include "mounts.h"
#include "namespaces.h"
#include "paths.h"
#include "plan-check.h"
#include "procfs.h"
#include "pty.h"
#include "tmpfs.h"

#define FIRST_FD 100 /* of what the doubles open */

static volatile uint64_t sum;
static int next_fd;

static void read_bytes(const void *from, size_t length)
{
	for (const unsigned char *at = from; length > 0; length--)
		sum += *at++;
}

static int take(const char *text)
{
	if (text)
		read_bytes(text, strlen(text) + 1);
	return 0;
}

static int need(const char *text)
{
	REQUIRE(text != NULL);
	return take(text);
}

static int need_all(char **table)
{
	for (; *table; table++)
		need(*table);
	return 0;
}

static long fake_syscall(long number, ...)
{
	va_list arguments;
	long result = 0;
	uint64_t word[3];

	va_start(arguments, number);
	for (int i = 0; i < 3; i++)
		word[i] = va_arg(arguments, uint64_t);
	va_end(arguments);
	switch (number) {
	case SYS_setgroups:
		read_bytes((const void *)word[1], word[0] * sizeof(uint32_t));
		break;
	case SYS_sched_setaffinity:
		read_bytes((const void *)word[2], word[1]);
		break;
	case SYS_pivot_root:
		need((const char *)word[0]);
		need((const char *)word[1]);
		break;
	case SYS_openat2:
		need((const char *)word[1]);
		result = next_fd++;
		break;
	case SYS_seccomp: {
		const struct sock_fprog *program = (const struct sock_fprog *)word[2];

		read_bytes(program->filter, program->len * sizeof(struct sock_filter));
		break;
	}
	}
	return result; /* of clone3: the child, which executes the rest */
}

static ssize_t fake_read(void *to, size_t length)
{
	memset(to, 0, length);
	return (ssize_t)length;
}

static ssize_t fake_write(const void *from, size_t length)
{
	read_bytes(from, length);
	return (ssize_t)length;
}

static int fake_open(const char *path)
{
	need(path);
	return next_fd++;
}

static int fake_fstat(int fd, struct stat *info)
{
	*info = (struct stat){ .st_mode = fd % 2 ? S_IFDIR : S_IFREG };
	return 0;
}

static int fake_execve(const char *path, char **argv, char **envp)
{
	need(path);
	need_all(argv);
	need_all(envp);
	errno = ENOENT;
	return -1;
}

static int fake_close(void)
{
	return 0;
}

static int fail(int error)
{
	errno = error;
	return -1;
}

int attribute_personality(uint64_t persona) { sum += persona; return 0; }
int attribute_io_priority(uint64_t value) { sum += value; return 0; }
int attribute_memory_policy(uint64_t mode, const void *nodes, uint64_t bytes) { sum += mode; read_bytes(nodes, nodes ? bytes : 0); return 0; }
int attribute_scheduler(const uint64_t *arg) { read_bytes(arg, 7 * sizeof(*arg)); return 0; }
int attribute_session_keyring(const char *name) { return take(name); }
int channel_send(int channel, struct channel_message message, int fd) { sum += (uint64_t)channel + message.step + (uint64_t)fd; return 0; }
int id_maps_write(pid_t pid, const char *uid_map, const char *gid_map) { return (int)(pid * 0) + need(uid_map) + need(gid_map); }
int namespace_join(int fd, int type) { sum += (uint64_t)fd + (uint64_t)type; return 0; }
int namespace_time(const char *offsets) { return take(offsets); }
int path_open(const char *path, int extra) { sum += (uint64_t)extra; return fake_open(path); }
int path_open_parent(const char *path, const char **leaf) { *leaf = path; return fake_open(path); }
int path_make_directory(const char *path, mode_t mode) { sum += mode; return fake_open(path); }
int path_ensure_directory(const char *path) { return need(path); }
int path_make_file(const char *path, mode_t mode) { sum += mode; return need(path); }
int procfs_open(const char *path) { return fake_open(path); }
int mount_mask(const char *path) { return need(path); }
int mount_console(int fd, const char *path) { sum += (uint64_t)fd; return need(path); }
int mount_move(int tree, const char *target) { need(target); return tree < 0 ? fail(ENOENT) : 0; }
int mount_map_ids(int tree, int user_namespace, bool recursive) { sum += (uint64_t)tree + (uint64_t)user_namespace + recursive; return 0; }
int mount_set_parent_propagation(const char *path, uint64_t propagation) { sum += propagation; return need(path); }

int mount_filesystem(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
	sum += flags;
	return take(source) + need(target) + take(type) + take(data);
}

int mount_overlay(char **lower, const char *upper, const char *work, const char *target, char **options)
{
	REQUIRE((upper == NULL) == (work == NULL));
	return need_all(lower) + take(upper) + take(work) + need(target) + need_all(options);
}

int mount_open_tree(const char *path, bool recursive, const char *within)
{
	sum += recursive;
	take(within);
	return fake_open(path);
}

int mount_open_tree_from(int root, const char *path, bool recursive)
{
	sum += (uint64_t)root + recursive;
	return fake_open(path);
}

int mount_set_tree_attributes(int tree, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive)
{
	sum += (uint64_t)tree + set + clear + propagation + recursive;
	return 0;
}

int mount_set_attributes(const char *target, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive)
{
	return need(target) + mount_set_tree_attributes(0, set, clear, propagation, recursive);
}

int tmpfs_mount(const char *source, const char *target, unsigned long flags, const char *data, bool copy_up)
{
	sum += flags + copy_up;
	return take(source) + need(target) + take(data);
}

int pty_open(struct plan_context *context, unsigned short rows, unsigned short columns)
{
	sum += rows + columns;
	for (int slot = SLOT_STDIN; slot <= SLOT_STDERR; slot++)
		context->slots[slot] = next_fd;
	next_fd++;
	return 0;
}

#define syscall(...) fake_syscall(__VA_ARGS__, UINT64_C(0), UINT64_C(0), UINT64_C(0))
#define read(fd, to, length) fake_read(to, length)
#define write(fd, from, length) fake_write(from, length)
#define open(path, ...) fake_open(path)
#define close(fd) fake_close()
#define fstat(fd, info) fake_fstat(fd, info)
#define stat(path, info) (need(path), fake_fstat(1, info))
#define fstatat(fd, path, info, flags) (need(path), fake_fstat(1, info))
#define faccessat(fd, path, mode, flags) need(path)
#define mknodat(fd, path, mode, device) (sum += (mode) + (device), need(path), fail(EEXIST))
#define fchownat(fd, path, uid, gid, flags) (sum += (uid) + (gid), need(path))
#define symlinkat(target, fd, path) (need(target), need(path))
#define fchown(fd, uid, gid) (sum += (uid), 0)
#define mount(source, target, type, flags, data) (take(source), need(target))
#define umount2(path, flags) (sum += (uint64_t)(flags), need(path))
#define unshare(flags) (sum += (uint64_t)(flags), 0)
#define chroot(path) need(path)
#define chdir(path) need(path)
#define fchdir(fd) (sum += (uint64_t)(fd), 0)
#define dup2(from, to) (sum += (uint64_t)(from), to)
#define socket(...) next_fd++
#define ioctl(...) 0
#define setsid() 1
#define setrlimit(...) 0
#define umask(mask) (sum += (mask))
#define prctl(...) 0
#define poll(...) 0
#define execve(path, argv, envp) fake_execve(path, argv, envp)
#define sethostname(name, length) (read_bytes(name, length), 0)
#define setdomainname(name, length) (read_bytes(name, length), 0)
#define signal(number, handler) ((void)(handler))
#define sigprocmask(...) ((void)0)
#define kill(...) 0
#define waitpid(pid, status, options) ((void)(status), 0)
#define clone(work, stack, flags, argument) (sum += (uint64_t)(uintptr_t)(stack) + (uint64_t)(flags), work(argument), 1)

#include "../monitor/interpreter.c"

static void fake_report(int error)
{
	sum += (uint64_t)error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan_context context = { .channel = 3, .monitor_end = 4, .pidfd = -1, .report = fake_report };
	/* Of its very size: one byte further is a finding. */
	char *plan = malloc(size);

	if (plan == NULL)
		return 0;
	memcpy(plan, data, size);
	next_fd = FIRST_FD;
	for (int i = 0; i < PLAN_SLOTS; i++)
		context.slots[i] = i % 2 ? -1 : i;
	if (plan_check(plan, size, &context.step) == 0) {
		context.base = plan;
		plan_run(&context);
		REQUIRE(context.step <= ((const struct plan_header *)plan)->step_count);
		REQUIRE(((const struct plan_header *)plan)->size == size);
	}
	free(plan);
	return 0;
}
