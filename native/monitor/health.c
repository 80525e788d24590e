#include "health.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "journal.h"
#include "state.h"

#define START_TIMEOUT 30000 /* milliseconds until a probe's execve; from then on it has its own timeout */
#define END_MOMENT 100      /* milliseconds from the death of a container's processes to that of its first one */

static const struct health_options *options; /* NULL: nothing is to be done */
static struct health_state health;
static int container;     /* pidfd of the container's first process */
static long long started; /* clock_milliseconds() of the container's start, of the probe's, and of what is due */
static long long begun, due;
static bool probing, executing, killed;

static long long age(long long now)
{
	return now - started;
}

static void schedule(void)
{
	long long now = clock_milliseconds();

	due = now + health_interval(&health, &options->rules, age(now));
}

int health_start(const struct health_options *given, int init)
{
	if (given->plan_fd == 0)
		return 0;
	int error = probe_load(given->plan_fd, init, given->cgroup);
	if (error)
		return error;
	if (health_write(&health, given->file) < 0)
		return errno;
	options = given;
	container = init;
	started = clock_milliseconds();
	schedule();
	return 0;
}

void health_stop(void)
{
	options = NULL;
}

int health_timeout(int timeout)
{
	if (options == NULL || due < 0)
		return timeout;
	long long left = due - clock_milliseconds();
	int mine = left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
	return timeout >= 0 && timeout < mine ? timeout : mine;
}

void health_watch(struct pollfd watch[HEALTH_WATCHED])
{
	for (int i = 0; i < HEALTH_WATCHED; i++)
		watch[i] = (struct pollfd){ .fd = -1 };
	if (options && probing)
		probe_watch(watch);
}

static bool is_frozen(void)
{
	char text[16];

	return options->freezer && file_read(options->freezer, text, sizeof(text)) > 0 &&
	       strncmp(text, options->thawed, strlen(options->thawed)) != 0;
}

/* With its first process the kernel kills all of a container, the probe a moment before. */
static bool container_ends(void)
{
	struct pollfd waiting = { .fd = container, .events = POLLIN };
	int ready;

	do
		ready = poll(&waiting, 1, END_MOMENT);
	while (ready < 0 && errno == EINTR);
	return ready > 0;
}

static void conclude(void)
{
	probing = false;
	schedule();
	int exit_code = probe_result()->exit_code;
	if (exit_code >= 0)
		journal_probe_end(exit_code);
	else if (killed)
		journal_probe_end(128 + SIGKILL);
	if (probe_was_cut_off() && container_ends())
		return;
	bool changed = health_note(&health, &options->rules, age(begun), probe_result());
	/* On a full disk the document stays what it was. */
	health_write(&health, options->file);
	if (changed)
		journal_health(health.status == HEALTH_HEALTHY);
}

static void begin(void)
{
	if (is_frozen()) {
		schedule();
		return;
	}
	begun = clock_milliseconds();
	due = begun + START_TIMEOUT;
	probing = true;
	executing = killed = false;
	if (!probe_start()) {
		conclude();
		return;
	}
	journal_probe_start();
}

static void watch_time(void)
{
	if (!executing && probe_executes()) {
		executing = true;
		due = clock_milliseconds() + options->timeout;
	}
	if (killed || clock_milliseconds() < due)
		return;
	if (is_frozen()) {
		due = clock_milliseconds() + options->timeout;
		return;
	}
	probe_kill(executing ? options->overdue : "timed out starting the health check");
	killed = true;
	due = -1;
}

void health_serve(const struct pollfd watch[HEALTH_WATCHED])
{
	if (options == NULL)
		return;
	if (probing && probe_serve(watch))
		conclude();
	else if (probing)
		watch_time();
	else if (clock_milliseconds() >= due)
		begin();
}
