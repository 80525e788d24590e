#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "paths.h"

/* glibc 2.36 (Debian 12) has these calls, but static glibc on older systems does not: use the numbers. */
static int sys_move_mount(int tree, int target)
{
	return (int)syscall(SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static int finish(int result, int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return result;
}

int mount_filesystem(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
	/* A relative target is the launcher's own, and layer paths may be relative to the working directory. */
	if (target[0] != '/')
		return mount(source, target, type, flags, data);

	/* Mounting on "." uses the directory that was checked, whatever its name leads to by now. */
	int directory = path_open(target, O_DIRECTORY);
	if (directory < 0)
		return -1;
	if (fchdir(directory) < 0)
		return finish(-1, directory);
	return finish(mount(source, ".", type, flags, data), directory);
}

static int configure(int fs, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0);
}

static int configure_overlay(int fs, char **lower, const char *upper, const char *work, char **options)
{
	for (; *lower; lower++)
		if (configure(fs, "lowerdir+", *lower) < 0)
			return -1;
	if (upper && (configure(fs, "upperdir", upper) < 0 || configure(fs, "workdir", work) < 0))
		return -1;
	for (; *options; options++) {
		char key[32];
		const char *equals = strchr(*options, '=');

		if (equals == NULL) {
			if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, *options, NULL, 0) < 0)
				return -1;
			continue;
		}
		snprintf(key, sizeof(key), "%.*s", (int)(equals - *options), *options);
		if (configure(fs, key, equals + 1) < 0)
			return -1;
	}
	return (int)syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

/* Turns a configured filesystem context into a mount at path and closes the context. */
static int attach(int fs, const char *path)
{
	int tree = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);

	if (tree < 0)
		return finish(-1, fs);
	close(fs);
	return finish(mount_move(tree, path), tree);
}

int mount_overlay(char **lower, const char *upper, const char *work, const char *target, char **options)
{
	int fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);

	if (fs < 0)
		return -1;
	if (configure(fs, "source", "overlay") < 0 || configure_overlay(fs, lower, upper, work, options) < 0)
		return finish(-1, fs);
	return attach(fs, target);
}

static int clone_tree(int directory, const char *path, unsigned flags)
{
	return (int)syscall(SYS_open_tree, directory, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);
}

int mount_open_tree(const char *path, bool recursive, const char *within)
{
	unsigned flags = recursive ? AT_RECURSIVE : 0;

	if (within == NULL)
		return clone_tree(AT_FDCWD, path, flags);
	int file = path_open_beneath(within, path);
	if (file < 0)
		return -1;
	return finish(clone_tree(file, "", flags | AT_EMPTY_PATH), file);
}

/* Where an absolute path, and every link on it, means what it means for the process whose root that is. */
int mount_open_tree_from(int root, const char *path, bool recursive)
{
	int here = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (here < 0)
		return -1;
	int tree = -1;
	if (fchdir(root) == 0 && chroot(".") == 0)
		tree = mount_open_tree(path, recursive, NULL);
	int error = errno;
	if (fchdir(here) < 0 || chroot(".") < 0)
		_exit(1); /* nothing may go on in the wrong root */
	errno = error;
	return finish(tree, here);
}

int mount_map_ids(int tree, int user_namespace, bool recursive)
{
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)user_namespace };

	return (int)syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attributes,
			    sizeof(attributes));
}

int mount_move(int tree, const char *target)
{
	if (tree < 0) {
		errno = ENOENT;
		return -1;
	}
	int fd = path_open(target, 0);
	if (fd < 0)
		return -1;
	return finish(sys_move_mount(tree, fd), fd);
}

int mount_set_tree_attributes(int tree, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive)
{
	struct mount_attr attributes = { .attr_set = set, .attr_clr = clear, .propagation = propagation };

	return (int)syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attributes,
			    sizeof(attributes));
}

int mount_set_attributes(const char *target, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive)
{
	int fd = path_open(target, 0);

	if (fd < 0)
		return -1;
	return finish(mount_set_tree_attributes(fd, set, clear, propagation, recursive), fd);
}

int mount_set_parent_propagation(const char *path, uint64_t propagation)
{
	char name[PATH_MAX];

	if (strlen(path) >= sizeof(name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(name, path);
	/* EINVAL: no mount begins here (mount(2)); the one that this path is on begins further up. */
	while (mount(NULL, name, NULL, propagation, NULL) < 0) {
		char *slash = strrchr(name, '/');

		if (errno != EINVAL || slash == NULL || name[1] == '\0')
			return -1;
		slash[slash == name] = '\0';
	}
	return 0;
}

/* Every directory is hidden by the same empty filesystem: one for each would take memory for each. */
static int mask_directory(const char *path)
{
	static int first = -1;

	if (first >= 0) {
		int copy = clone_tree(first, "", AT_EMPTY_PATH);
		return copy < 0 ? -1 : finish(mount_move(copy, path), copy);
	}
	int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return -1;
	if (configure(fs, "nr_blocks", "1") < 0 || configure(fs, "nr_inodes", "1") < 0 || configure(fs, "mode", "555") < 0 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return finish(-1, fs);
	int tree = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (tree < 0)
		return finish(-1, fs);
	close(fs);
	if (mount_move(tree, path) < 0)
		return finish(-1, tree);
	first = tree;
	return 0;
}

/* The device that hides a file must be the real one: an image may have put anything at /dev/null (CVE-2025-31133). */
static int mask_file(const char *path)
{
	struct stat info;
	int tree = mount_open_tree("/dev/null", false, NULL);

	if (tree < 0)
		return -1;
	if (fstat(tree, &info) < 0)
		return finish(-1, tree);
	if (!S_ISCHR(info.st_mode) || info.st_rdev != makedev(1, 3)) {
		errno = ENODEV;
		return finish(-1, tree);
	}
	return finish(mount_move(tree, path), tree);
}

int mount_mask(const char *path)
{
	struct stat info;
	int fd = path_open(path, 0);

	if (fd < 0)
		return -1;
	if (finish(fstat(fd, &info), fd) < 0)
		return -1;
	return S_ISDIR(info.st_mode) ? mask_directory(path) : mask_file(path);
}

int mount_console(int fd, const char *path)
{
	/* The empty path names the descriptor's own file: no name of it can be exchanged in between. */
	int tree = (int)syscall(SYS_open_tree, fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree < 0)
		return -1;
	return finish(mount_move(tree, path), tree);
}
