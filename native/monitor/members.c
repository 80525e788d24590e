#include "members.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 200
#define ROUND_NS 5000000

static bool write_control(const char *directory, const char *name, const char *value)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
		return false;
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool written = write(fd, value, strlen(value)) > 0;
	close(fd);
	return written;
}

/* Returns how many there were. */
static int kill_listed(const char *directory)
{
	char path[PATH_MAX];
	int pid, count = 0;

	if (snprintf(path, sizeof(path), "%s/cgroup.procs", directory) >= (int)sizeof(path))
		return 0;
	FILE *list = fopen(path, "re");
	if (list == NULL)
		return 0;
	while (fscanf(list, "%d", &pid) == 1) {
		/* 0 is one of a pid namespace that cannot be seen from here (cgroups(7)). */
		if (pid > 1)
			kill(pid, SIGKILL);
		count++;
	}
	fclose(list);
	return count;
}

/* The same with the groups below it. */
static int kill_below(const char *directory)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int count = kill_listed(directory);
	DIR *groups = opendir(directory);

	if (groups == NULL)
		return count;
	while ((entry = readdir(groups)) != NULL)
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
		    snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name) < (int)sizeof(path))
			count += kill_below(path);
	closedir(groups);
	return count;
}

void members_kill(const char *cgroup)
{
	/* Linux 5.14, cgroup v2: nobody can fork away from it. A frozen process of v1 cannot either, and dies when thawed. */
	if (!write_control(cgroup, "cgroup.kill", "1") && write_control(cgroup, "freezer.state", "FROZEN")) {
		kill_below(cgroup);
		write_control(cgroup, "freezer.state", "THAWED");
	}
	for (int round = 0; round < ROUNDS && kill_below(cgroup) > 0; round++)
		nanosleep(&(struct timespec){ .tv_nsec = ROUND_NS }, NULL);
}
