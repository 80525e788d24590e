/* The container's state document, containers/<id>/state.json (ContainerState in src/engine/types.ts). */
#ifndef TSRUN_STATE_H
#define TSRUN_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "clock.h"

struct state {
	const char *status; /* "running", "restarting" or "exited" */
	pid_t pid;
	unsigned long long start_ticks;
	int exit_code;
	bool oom_killed;
	int restart_count; /* how often it was started again since a user started it */
	int restart_delay; /* milliseconds, in status "restarting" */
	char started_at[CLOCK_TEXT];
	char finished_at[CLOCK_TEXT];
};

/*
 * Replaces the document at path as a whole: written beside it, then renamed. With durable the file and its folder are
 * synced, so that the record survives a power failure. Returns 0 or -1 with errno.
 */
int state_write(const struct state *state, const char *path, bool durable);

/* The same with a text of the caller's. */
int state_replace(const char *path, const char *text, size_t length, bool durable);

/*
 * Replaces any document in that way, where nothing can be done about a full disk: the old one stays then. Returns 0 or
 * -1 with errno.
 */
int document_replace(const char *path, const char *text, size_t length, bool durable);

/* Up to size - 1 bytes of a file and a NUL. Returns how many bytes, or -1 with errno. */
ssize_t file_read(const char *path, char *buffer, size_t size);

/* The process's start time in clock ticks since boot: proc_pid_stat(5) field 22. 0 where it is gone. */
unsigned long long state_start_ticks(pid_t pid);

/* The number after key in a file of "key number" lines, as in memory.events; 0 where either is missing. */
long long state_read_counter(const char *file, const char *key);

#endif
