#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ssize_t file_read(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	ssize_t length = read(fd, buffer, size - 1);
	close(fd);
	if (length >= 0)
		buffer[length] = '\0';
	return length;
}

unsigned long long state_start_ticks(pid_t pid)
{
	char path[64], text[1024];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (file_read(path, text, sizeof(text)) < 0)
		return 0;
	/* Field 2 is the command in parentheses and may hold anything: count from the last one. */
	char *field = strrchr(text, ')');
	for (int number = 2; field != NULL && number < 22; number++)
		field = strchr(field + 1, ' ');
	return field == NULL ? 0 : strtoull(field + 1, NULL, 10);
}

long long state_read_counter(const char *file, const char *key)
{
	char text[2048];
	size_t length = strlen(key);

	if (file_read(file, text, sizeof(text)) < 0)
		return 0;
	for (char *line = text; line != NULL && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) == 0 && line[length] == ' ')
			return atoll(line + length + 1);
	}
	return 0;
}

static void sync_folder_of(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (slash == NULL || slash - path >= PATH_MAX)
		return;
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

int document_replace(const char *path, const char *text, size_t length, bool durable)
{
	char temporary[PATH_MAX];

	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	errno = ENOSPC; /* what a short write means */
	bool written = write(fd, text, length) == (ssize_t)length && (!durable || fsync(fd) == 0);
	int error = errno;
	close(fd);
	if (written && rename(temporary, path) == 0) {
		if (durable)
			sync_folder_of(path);
		return 0;
	}
	if (!written)
		errno = error;
	error = errno;
	unlink(temporary);
	errno = error;
	return -1;
}

/* A full disk has no room for a second file, but the block of the first one is there already. */
static int overwrite(const char *path, const char *text, size_t length)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	bool written = pwrite(fd, text, length, 0) == (ssize_t)length && ftruncate(fd, (off_t)length) == 0;
	fsync(fd);
	close(fd);
	return written ? 0 : -1;
}

int state_replace(const char *path, const char *text, size_t length, bool durable)
{
	if (document_replace(path, text, length, durable) == 0)
		return 0;
	int error = errno;
	if (overwrite(path, text, length) == 0)
		return 0;
	errno = error;
	return -1;
}

int state_write(const struct state *state, const char *path, bool durable)
{
	char text[1024];

	int length = snprintf(text, sizeof(text),
			      "{\"status\":\"%s\",\"pid\":%d,\"startTicks\":%llu,\"monitorPid\":%d,\"exitCode\":%d,"
			      "\"oomKilled\":%s,\"restartCount\":%d,\"restartDelay\":%d,\"error\":\"\",\"startedAt\":\"%s\",\"finishedAt\":\"%s\"}\n",
			      state->status, state->pid, state->start_ticks, getpid(), state->exit_code,
			      state->oom_killed ? "true" : "false", state->restart_count, state->restart_delay,
			      state->started_at, state->finished_at);
	return state_replace(path, text, (size_t)length, durable);
}
