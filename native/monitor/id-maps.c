#include "id-maps.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_WORDS 1024 /* user_namespaces(7): 340 lines of three numbers, the command and its pid */
#define MAX_MAP 16384

extern char **environ;

/* A map is taken by one write(2), or not at all. Returns 0 or an errno value. */
static int write_file(pid_t pid, const char *name, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	int error = write(fd, text, strlen(text)) < 0 ? errno : 0;
	close(fd);
	return error;
}

/* The set-user-id helpers know from /etc/subuid and /etc/subgid what the caller may map. */
static int run_helper(const char *program, pid_t pid, const char *map)
{
	char text[MAX_MAP], number[16], *words[MAX_WORDS], *rest = text;
	int count = 0, status;
	pid_t child;

	if (strlen(map) >= sizeof(text))
		return E2BIG;
	strcpy(text, map);
	snprintf(number, sizeof(number), "%d", (int)pid);
	words[count++] = (char *)program;
	words[count++] = number;
	for (char *word; (word = strsep(&rest, " \n")) != NULL;)
		if (*word && count < MAX_WORDS - 1)
			words[count++] = word;
	words[count] = NULL;
	int error = posix_spawnp(&child, program, NULL, NULL, words, environ);
	if (error)
		return error;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : EPERM;
}

static bool has_one_line(const char *map)
{
	const char *end = strchr(map, '\n');

	return end == NULL || end[1] == '\0';
}

static int write_gid_map(pid_t pid, const char *map)
{
	int error = write_file(pid, "gid_map", map);

	if (error != EPERM)
		return error;
	if (!has_one_line(map))
		return run_helper("newgidmap", pid, map);
	/* Linux 3.19: who has no privilege in the parent namespace must forgo dropping groups (CVE-2014-8989). */
	error = write_file(pid, "setgroups", "deny");
	if (error == 0)
		error = write_file(pid, "gid_map", map);
	return error == EPERM ? run_helper("newgidmap", pid, map) : error;
}

int id_maps_write(pid_t pid, const char *uid_map, const char *gid_map)
{
	int error = write_file(pid, "uid_map", uid_map);

	if (error == EPERM)
		error = run_helper("newuidmap", pid, uid_map);
	return error ? error : write_gid_map(pid, gid_map);
}
