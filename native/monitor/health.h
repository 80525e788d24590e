/*
 * The container's health: a probe every interval, for as long as the process runs. Of a container without a health
 * check all of this does nothing.
 */
#ifndef TSRUN_HEALTH_H
#define TSRUN_HEALTH_H

#include <poll.h>

#include "health-state.h"
#include "probe.h"

#define HEALTH_WATCHED PROBE_WATCHED

struct health_options {
	int plan_fd;              /* --health-plan FD: the Plan of a probe; 0: no health check */
	const char *file;         /* --health-file FILE: the health document */
	struct health_rules rules; /* --health-retries N, --health-interval, --health-start-interval, --health-start-period MS */
	long long timeout;        /* --health-timeout MS: a probe that takes longer is killed */
	const char *overdue;      /* --health-overdue TEXT: what the log says of such a one */
	const char *cgroup;       /* --health-cgroup DIR: which a probe is cloned into */
	const char *freezer;      /* --health-freezer FILE and --health-thawed WORD: a paused container is not probed */
	const char *thawed;
};

/* The container, whose first process `init` is a pidfd of, has started. Returns 0 or an errno value. */
int health_start(const struct health_options *options, int init);

/* The shorter of timeout and the time until something is due here, both in milliseconds, -1 for none. */
int health_timeout(int timeout);

/* Descriptors for poll(2), and what is to be done when it has returned, timeouts included. */
void health_watch(struct pollfd watch[HEALTH_WATCHED]);
void health_serve(const struct pollfd watch[HEALTH_WATCHED]);

/* The process has ended. */
void health_stop(void);

#endif
