#include "tmpfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mounts.h"
#include "paths.h"

#define MAX_DATA 4096
#define MAX_DEPTH 64 /* each level holds two descriptors and a buffer on the stack */
#define BUFFER 4096

struct entry { /* struct linux_dirent64, getdents64(2) */
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

static int close_both(int a, int b, int result)
{
	int error = errno;

	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	errno = error;
	return result;
}

static int copy_file(int from, int to, const char *name, mode_t mode)
{
	int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int copy = source < 0 ? -1 : openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 07777);
	ssize_t moved = -1;

	if (copy >= 0)
		while ((moved = sendfile(copy, source, NULL, 1 << 30)) > 0)
			continue;
	return close_both(source, copy, moved < 0 ? -1 : 0);
}

static int copy_link(int from, int to, const char *name)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(from, name, target, sizeof(target) - 1);

	if (length < 0)
		return -1;
	target[length] = '\0';
	return symlinkat(target, to, name);
}

static int copy_directory(int from, int to, int depth);

static int copy_below(int from, int to, const char *name, int depth)
{
	if (depth == MAX_DEPTH) {
		errno = ELOOP;
		return -1;
	}
	if (mkdirat(to, name, 0700) < 0)
		return -1;
	int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int copy = source < 0 ? -1 : openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return close_both(source, copy, copy < 0 ? -1 : copy_directory(source, copy, depth + 1));
}

static int copy_entry(int from, int to, const char *name, int depth)
{
	struct stat info;
	int result;

	if (fstatat(from, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	switch (info.st_mode & S_IFMT) {
	case S_IFDIR:
		result = copy_below(from, to, name, depth);
		break;
	case S_IFREG:
		result = copy_file(from, to, name, info.st_mode);
		break;
	case S_IFLNK:
		result = copy_link(from, to, name);
		break;
	case S_IFSOCK:
		return 0; /* a name without the process behind it */
	default:
		result = mknodat(to, name, info.st_mode, info.st_rdev);
	}
	if (result < 0 || fchownat(to, name, info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	/* After the owner, whose change takes set-id bits away (chown(2)). */
	if (!S_ISLNK(info.st_mode) && fchmodat(to, name, info.st_mode & 07777, 0) < 0)
		return -1;
	struct timespec times[2] = { info.st_atim, info.st_mtim };
	return utimensat(to, name, times, AT_SYMLINK_NOFOLLOW);
}

static int copy_directory(int from, int to, int depth)
{
	_Alignas(struct entry) char buffer[BUFFER];
	long got;

	while ((got = syscall(SYS_getdents64, from, buffer, sizeof(buffer))) > 0) {
		for (long at = 0; at < got;) {
			const struct entry *entry = (const struct entry *)(buffer + at);

			at += entry->length;
			if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
				continue;
			if (copy_entry(from, to, entry->name, depth) < 0)
				return -1;
		}
	}
	return got < 0 ? -1 : 0;
}

static bool says_mode(const char *data)
{
	return strncmp(data, "mode=", 5) == 0 || strstr(data, ",mode=") != NULL;
}

/* A readable descriptor of the directory, or -1 with errno; the plain open(2) is of the very descriptor's file. */
static int open_readable(int directory)
{
	return openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int copy_into(int covered, const char *target)
{
	int mounted = path_open(target, O_DIRECTORY);
	int from = open_readable(covered);
	int to = mounted < 0 ? -1 : open_readable(mounted);
	struct stat info;

	int result = from < 0 || to < 0 || copy_directory(from, to, 0) < 0 ? -1 : fstat(from, &info);
	if (result == 0)
		result = fchown(to, info.st_uid, info.st_gid);
	close_both(from, to, 0);
	return close_both(mounted, -1, result);
}

int tmpfs_mount(const char *source, const char *target, unsigned long flags, const char *data, bool copy_up)
{
	char options[MAX_DATA];
	struct stat info;
	int covered = path_open(target, O_DIRECTORY);

	if (data == NULL)
		data = "";
	if (covered < 0) {
		if (errno != ENOENT)
			return -1;
		int made = path_make_directory(target, 0755);
		return made < 0 ? -1 : close_both(made, -1, mount_filesystem(source, target, "tmpfs", flags, data));
	}
	if (fstat(covered, &info) < 0)
		return close_both(covered, -1, -1);
	int length = says_mode(data) ? snprintf(options, sizeof(options), "%s", data)
				     : snprintf(options, sizeof(options), "mode=%o%s%s", info.st_mode & 07777, *data ? "," : "", data);
	if (length >= (int)sizeof(options)) {
		errno = E2BIG;
		return close_both(covered, -1, -1);
	}
	int result = mount_filesystem(source, target, "tmpfs", flags, options);
	if (result == 0 && copy_up)
		result = copy_into(covered, target);
	return close_both(covered, -1, result);
}
