/* A process by its number and start time, since numbers are used again (proc_pid_stat(5), field 22). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rootless.h"

static ssize_t read_file(int directory, const char *name, char *text, size_t size)
{
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	ssize_t length = read(fd, text, size - 1);
	close(fd);
	text[length > 0 ? length : 0] = '\0';
	return length;
}

/* A field of proc_pid_stat(5) after the second, by its number from 1; 0 where there is no such process. */
static unsigned long long stat_field(pid_t pid, int wanted)
{
	char path[64], text[1024];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (read_file(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return 0;
	char *field = strrchr(text, ')'); /* the second field is a name that may contain anything */
	for (int number = 2; field && number < wanted; number++)
		field = strchr(field + 1, ' ');
	return field ? strtoull(field + 1, NULL, 10) : 0;
}

static unsigned long long start_time(pid_t pid)
{
	return stat_field(pid, 22);
}

pid_t parent_of(pid_t pid)
{
	return (pid_t)stat_field(pid, 4);
}

pid_t record_read(int directory, const char *name)
{
	unsigned long long started;
	char text[64];
	int pid;

	if (read_file(directory, name, text, sizeof(text)) <= 0 || sscanf(text, "%d %llu", &pid, &started) != 2)
		return 0;
	return pid > 0 && start_time(pid) == started ? pid : 0;
}

int record_write(int directory, const char *name, pid_t pid)
{
	int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	int result = dprintf(fd, "%d %llu\n", (int)pid, start_time(pid)) < 0 ? -1 : 0;
	close(fd);
	return result;
}
