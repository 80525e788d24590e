#include "procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROC_ROOT_INO 1 /* linux/proc_ns.h: no other inode of a procfs has it */

static bool is_procfs(int fd)
{
	struct statfs info;

	return fstatfs(fd, &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
}

static bool is_procfs_root(int fd)
{
	struct stat info;

	return is_procfs(fd) && fstat(fd, &info) == 0 && info.st_ino == PROC_ROOT_INO;
}

static int close_with(int fd, int error)
{
	close(fd);
	errno = error;
	return -1;
}

/* A procfs that is attached nowhere, so that nothing can be mounted on it. */
static int detached(void)
{
	int fs = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);

	if (fs < 0)
		return -1;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return close_with(fs, errno);
	int tree = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	int error = errno;
	close(fs);
	errno = error;
	return tree;
}

static int open_root(void)
{
	int root = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (root >= 0 && is_procfs_root(root))
		return root;
	if (root >= 0)
		close(root);
	return detached();
}

int procfs_open(const char *path)
{
	struct open_how how = {
		.flags = O_WRONLY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};
	int root = open_root();

	if (root < 0)
		return -1;
	int fd = (int)syscall(SYS_openat2, root, path + strlen("/proc/"), &how, sizeof(how));
	int error = errno;
	close(root);
	if (fd >= 0 && !is_procfs(fd))
		return close_with(fd, EXDEV);
	errno = error;
	return fd;
}
