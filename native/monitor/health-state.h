/*
 * What the probes of a container say about its health, by docker's rules, and the document that tells it,
 * containers/<id>/health.json (ContainerHealth in src/engine/types.ts):
 *     {"status":"healthy","failingStreak":0,"log":[{"start":"…","end":"…","exitCode":0,"output":"…"}]}
 * with the last HEALTH_LOG probes, the oldest first.
 */
#ifndef TSRUN_HEALTH_STATE_H
#define TSRUN_HEALTH_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "clock.h"

#define HEALTH_LOG 5
#define HEALTH_OUTPUT 4096

/* How a probe ended. */
struct probe_result {
	char start[CLOCK_TEXT], end[CLOCK_TEXT];
	int exit_code;       /* 0: healthy; -1: it took too long, or could not be executed */
	const char *overdue; /* what is said before the output of one that took too long; NULL of any other */
	bool cut;            /* there was more output than is kept */
	size_t length;
	char output[HEALTH_OUTPUT];
};

/* All in milliseconds. */
struct health_rules {
	int retries;
	long long interval, start_interval, start_period;
};

enum health_status { HEALTH_STARTING, HEALTH_HEALTHY, HEALTH_UNHEALTHY };

struct health_state {
	enum health_status status;
	int failing_streak;
	int logged;
	struct probe_result log[HEALTH_LOG];
};

/* As docker writes it: "starting", "healthy" or "unhealthy". */
const char *health_word(enum health_status status);

/* Counts a probe that began when the container had run for `age` milliseconds. Returns whether the status has changed. */
bool health_note(struct health_state *health, const struct health_rules *rules, long long age, const struct probe_result *result);

/* Milliseconds until the next probe of a container that has run for `age` milliseconds. */
long long health_interval(const struct health_state *health, const struct health_rules *rules, long long age);

/* Replaces the document at path as a whole, not durably. Returns 0 or -1 with errno. */
int health_write(const struct health_state *health, const char *path);

#endif
