#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_LINKS 16 /* nested dangling links; the kernel counts the others (path_resolution(7)) */

static int open_at(int directory, const char *name, int flags)
{
	struct open_how how = { .flags = (unsigned)(flags | O_CLOEXEC), .resolve = RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, directory, name, &how, sizeof(how));
}

static void close_keeping_errno(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

int path_open(const char *path, int extra)
{
	return open_at(AT_FDCWD, path, O_PATH | extra);
}

int path_open_beneath(const char *directory, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	int base = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (base < 0)
		return -1;
	int fd = (int)syscall(SYS_openat2, base, path, &how, sizeof(how));
	close_keeping_errno(base);
	return fd;
}

/* Splits path into its directory, copied into buffer, and its last component. */
static const char *split(const char *path, char buffer[PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL) {
		strcpy(buffer, ".");
		return path;
	}
	int length = slash == path ? 1 : (int)(slash - path);
	if (length >= PATH_MAX)
		return NULL;
	snprintf(buffer, PATH_MAX, "%.*s", length, path);
	return slash + 1;
}

static int make_directory_at(int base, const char *path, mode_t mode, int links);

/* The directory called name, made in parent, where nothing of that name is but perhaps a dangling symbolic link. */
static int make_in(int parent, const char *name, mode_t mode, int links)
{
	char target[PATH_MAX];

	if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
		return -1;
	int fd = open_at(parent, name, O_PATH | O_DIRECTORY);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	ssize_t length = readlinkat(parent, name, target, sizeof(target) - 1);
	if (length < 0)
		return -1;
	target[length] = '\0';
	if (links == 0) {
		errno = ELOOP;
		return -1;
	}
	return make_directory_at(parent, target, mode, links - 1);
}

static int enter(int parent, const char *name, mode_t mode, int links)
{
	int fd = open_at(parent, name, O_PATH | O_DIRECTORY);

	return fd >= 0 || errno != ENOENT ? fd : make_in(parent, name, mode, links);
}

/* One component after the other, each made if missing. */
static int walk(int base, const char *path, mode_t mode, int links)
{
	char name[NAME_MAX + 1];
	int current = open_at(base, path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY);

	while (current >= 0) {
		path += strspn(path, "/");
		size_t length = strcspn(path, "/");
		if (length == 0)
			return current;
		if (length > NAME_MAX) {
			close(current);
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, path, length);
		name[length] = '\0';
		path += length;
		int next = enter(current, name, mode, links);
		close_keeping_errno(current);
		current = next;
	}
	return -1;
}

/* Of most paths everything is there, or everything but the last component: the kernel walks those, in one call. */
static int make_directory_at(int base, const char *path, mode_t mode, int links)
{
	char directory[PATH_MAX];

	int fd = open_at(base, path, O_PATH | O_DIRECTORY);
	if (fd >= 0)
		return fd;
	const char *leaf = errno == ENOENT ? split(path, directory) : NULL;
	int parent = leaf && *leaf ? open_at(base, directory, O_PATH | O_DIRECTORY) : -1;
	if (parent < 0)
		return walk(base, path, mode, links);
	fd = make_in(parent, leaf, mode, links);
	close_keeping_errno(parent);
	return fd;
}

int path_make_directory(const char *path, mode_t mode)
{
	return make_directory_at(AT_FDCWD, path, mode, MAX_LINKS);
}

static int open_without_links(const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS,
	};

	return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

int path_ensure_directory(const char *path)
{
	int fd = open_without_links(path);

	if (fd < 0 && errno == ENOENT) {
		int made = path_make_directory(path, 0755);
		if (made < 0)
			return -1;
		close(made);
		fd = open_without_links(path);
	}
	return fd < 0 ? -1 : close(fd);
}

int path_open_parent(const char *path, const char **leaf)
{
	char directory[PATH_MAX];

	*leaf = split(path, directory);
	if (*leaf == NULL) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open_at(AT_FDCWD, directory, O_PATH | O_DIRECTORY);
}

static int make_file_at(int base, const char *path, mode_t mode, int links)
{
	char directory[PATH_MAX], target[PATH_MAX];
	struct stat info;

	const char *leaf = split(path, directory);
	if (leaf == NULL) {
		errno = ENAMETOOLONG;
		return -1;
	}
	int parent = make_directory_at(base, directory, 0755, links);
	if (parent < 0)
		return -1;
	int result = fstatat(parent, leaf, &info, AT_SYMLINK_NOFOLLOW);
	if (result < 0 && errno == ENOENT) {
		result = openat(parent, leaf, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, mode);
		if (result >= 0) {
			close(result);
			result = 0;
		}
	} else if (result == 0 && S_ISLNK(info.st_mode)) {
		ssize_t length = readlinkat(parent, leaf, target, sizeof(target) - 1);
		if (length < 0 || links == 0) {
			errno = length < 0 ? errno : ELOOP;
			result = -1;
		} else {
			target[length] = '\0';
			result = make_file_at(parent, target, mode, links - 1);
		}
	}
	close_keeping_errno(parent);
	return result;
}

int path_make_file(const char *path, mode_t mode)
{
	return make_file_at(AT_FDCWD, path, mode, MAX_LINKS);
}
