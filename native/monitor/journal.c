#include "journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *journal;
static const char *on_start, *on_healthy, *on_unhealthy, *on_probe, *on_probe_die, *on_oom, *on_die, *on_end;
static long long started; /* clock_milliseconds() */

/* What it returns stays where execve has put it. */
static const char *take(const char *variable)
{
	const char *value = getenv(variable);

	unsetenv(variable);
	return value;
}

void journal_open(void)
{
	journal = take("TSRUN_JOURNAL");
	on_start = take("TSRUN_EVENTS_START");
	on_healthy = take("TSRUN_EVENTS_HEALTHY");
	on_unhealthy = take("TSRUN_EVENTS_UNHEALTHY");
	on_probe = take("TSRUN_EVENTS_PROBE");
	on_probe_die = take("TSRUN_EVENTS_PROBE_DIE");
	on_oom = take("TSRUN_EVENTS_OOM");
	on_die = take("TSRUN_EVENTS_DIE");
	on_end = take("TSRUN_EVENTS_END");
}

static struct iovec text(const char *from, size_t length)
{
	return (struct iovec){ .iov_base = (char *)from, .iov_len = length };
}

/*
 * Each line is one write to a descriptor of its own: O_APPEND makes it whole among those of others, and the journal
 * may have been rotated since the last one. A journal that cannot be written to (a full disk) must not keep a
 * container from starting or ending, and there is nobody to tell.
 */
static void append(const char *lines, const char *time, const char *attributes)
{
	char head[CLOCK_TEXT + 16], tail[160];

	if (journal == NULL || lines == NULL)
		return;
	int fd = open(journal, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	int head_length = snprintf(head, sizeof(head), "{\"time\":\"%s\",", time);
	int tail_length = snprintf(tail, sizeof(tail), "%s}}\n", attributes);
	for (size_t length; *lines; lines += length + (lines[length] == '\n')) {
		length = strcspn(lines, "\n");
		struct iovec line[] = { text(head, (size_t)head_length), text(lines, length), text(tail, (size_t)tail_length) };
		if (writev(fd, line, 3) < 0)
			break;
	}
	close(fd);
}

void journal_set_end(const char *lines, size_t length)
{
	static char *ours;
	char *copy = strndup(lines, length);

	if (copy == NULL)
		return;
	free(ours);
	on_end = ours = copy;
}

void journal_start(const struct state *state)
{
	started = clock_milliseconds();
	append(on_start, state->started_at, "");
}

void journal_health(bool healthy)
{
	char now[CLOCK_TEXT];

	clock_now(now);
	append(healthy ? on_healthy : on_unhealthy, now, "");
}

static char probe_id[65]; /* as the id of an exec (generateId() in names.ts) */

void journal_probe_start(void)
{
	unsigned char bytes[32] = { 0 };
	char now[CLOCK_TEXT], attributes[96];

	if (on_probe == NULL)
		return;
	(void)!getrandom(bytes, sizeof(bytes), 0); /* never short for so few (getrandom(2)) */
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(probe_id + 2 * i, 3, "%02x", bytes[i]);
	snprintf(attributes, sizeof(attributes), ",\"execID\":\"%s\"", probe_id);
	clock_now(now);
	append(on_probe, now, attributes);
}

void journal_probe_end(int exit_code)
{
	char now[CLOCK_TEXT], attributes[128];

	if (probe_id[0] == '\0')
		return;
	snprintf(attributes, sizeof(attributes), ",\"execID\":\"%s\",\"exitCode\":\"%d\"", probe_id, exit_code);
	clock_now(now);
	append(on_probe_die, now, attributes);
	probe_id[0] = '\0';
}

void journal_end(const struct state *state)
{
	char attributes[96];
	long long seconds = (clock_milliseconds() - started) / 1000;

	snprintf(attributes, sizeof(attributes), ",\"execDuration\":\"%lld\",\"exitCode\":\"%d\"", seconds, state->exit_code);
	if (state->oom_killed)
		append(on_oom, state->finished_at, "");
	append(on_die, state->finished_at, attributes);
	append(on_end, state->finished_at, "");
}
