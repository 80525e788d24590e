#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rootless.h"

/* What it names is the user's own and nobody else can write to it; a link is nobody's. */
static bool is_private(const char *path)
{
	struct stat info;

	return lstat(path, &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid() && (info.st_mode & 022) == 0;
}

/* /tmp is everybody's: whatever is there under that name already may be a trap. */
static bool make_in_tmp(const char *path)
{
	return (mkdir(path, 0700) == 0 || errno == EEXIST) && is_private(path);
}

/* By nothing but the user's number: there is one set of namespaces, whatever the environment says. src/kernel/rootless.ts */
static int find_directory(char *path, size_t size)
{
	snprintf(path, size, "/run/user/%u", geteuid());
	if (is_private(path))
		return 0;
	snprintf(path, size, "/tmp/tsrun-run-%u", geteuid());
	if (make_in_tmp(path))
		return 0;
	return fail("remove it: it should be yours alone", "%s cannot hold runtime files", path);
}

int directory_open(struct directory *directory)
{
	char path[sizeof(directory->path) + 32];

	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (find_directory(directory->path, sizeof(directory->path)) < 0)
		return -1;
	/* After su(1) it can still be another user's. */
	if (!runtime || runtime[0] != '/' || !is_private(runtime))
		setenv("XDG_RUNTIME_DIR", directory->path, 1);
	snprintf(path, sizeof(path), "%s/tsrun", directory->path);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/tsrun/rootless", directory->path);
	mkdir(path, 0700);
	directory->fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (directory->fd < 0)
		return fail("its parent should be yours alone", "cannot make %s: %s", path,
			    strerror(errno));
	return 0;
}
