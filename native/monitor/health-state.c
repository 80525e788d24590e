#include "health-state.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "state.h"

#define OVERDUE 128 /* so much of what is said of a probe that took too long */
#define ENTRY (256 + JSON_WIDEST * OVERDUE) /* what an entry of the log needs beside its output */

const char *health_word(enum health_status status)
{
	return status == HEALTH_HEALTHY ? "healthy" : status == HEALTH_UNHEALTHY ? "unhealthy" : "starting";
}

bool health_note(struct health_state *health, const struct health_rules *rules, long long age, const struct probe_result *result)
{
	enum health_status before = health->status;

	if (health->logged == HEALTH_LOG)
		memmove(&health->log[0], &health->log[1], (size_t)--health->logged * sizeof(health->log[0]));
	health->log[health->logged++] = *result;

	if (result->exit_code == 0) {
		health->failing_streak = 0;
		health->status = HEALTH_HEALTHY;
		return health->status != before;
	}
	/* Whoever has never been healthy may take the start period for it. */
	if (health->status == HEALTH_STARTING && age < rules->start_period)
		return false;
	health->failing_streak++;
	if (health->failing_streak >= rules->retries)
		health->status = HEALTH_UNHEALTHY;
	return health->status != before;
}

long long health_interval(const struct health_state *health, const struct health_rules *rules, long long age)
{
	return health->status == HEALTH_STARTING && age < rules->start_period ? rules->start_interval : rules->interval;
}

static size_t put_entry(char *to, const struct probe_result *result)
{
	char *at = to;

	at += sprintf(at, "{\"start\":\"%s\",\"end\":\"%s\",\"exitCode\":%d,\"output\":\"", result->start, result->end, result->exit_code);
	if (result->overdue) {
		at += json_escape(at, result->overdue, strnlen(result->overdue, OVERDUE));
		if (result->length > 0)
			at += sprintf(at, ": ");
	}
	at += json_escape(at, result->output, result->length);
	at += sprintf(at, "%s\"}", result->cut ? "..." : "");
	return (size_t)(at - to);
}

int health_write(const struct health_state *health, const char *path)
{
	static char text[ENTRY + HEALTH_LOG * (ENTRY + JSON_WIDEST * HEALTH_OUTPUT)];
	char *at = text;

	at += sprintf(at, "{\"status\":\"%s\",\"failingStreak\":%d,\"log\":[", health_word(health->status), health->failing_streak);
	for (int i = 0; i < health->logged; i++) {
		if (i > 0)
			*at++ = ',';
		at += put_entry(at, &health->log[i]);
	}
	at += sprintf(at, "]}\n");
	return document_replace(path, text, (size_t)(at - text), false);
}
