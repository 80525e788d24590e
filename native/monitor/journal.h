/*
 * The journal of events (src/store/journal.ts): one JSON object a line, appended by whoever knows. What only the
 * monitor can know first is written here, so that it is written whoever else has died: that the process has started,
 * that it ran out of memory, how it ended.
 *
 * The launcher hands the lines over prepared, each but for its time, its last attributes and the two closing braces:
 *     "type":"container","action":"die","id":"…","attributes":{"image":"alpine","name":"web"
 * They come in the environment and not on the command line, because labels may hold secrets: everybody may read the
 * command lines of others, but not their environments (proc(5)). Each variable may hold several lines.
 *     TSRUN_JOURNAL         the file
 *     TSRUN_EVENTS_START    once execve has succeeded
 *     TSRUN_EVENTS_HEALTHY, TSRUN_EVENTS_UNHEALTHY
 *                           whenever probes have found it so, and not before
 *     TSRUN_EVENTS_PROBE    at the start of each probe, and TSRUN_EVENTS_PROBE_DIE at its end; get the attribute execID, and
 *                           at the end exitCode
 *     TSRUN_EVENTS_OOM      at the end, where the kernel has killed a process for its memory
 *     TSRUN_EVENTS_DIE      at the end; gets the attributes execDuration (seconds) and exitCode
 *     TSRUN_EVENTS_END      after that
 */
#ifndef TSRUN_JOURNAL_H
#define TSRUN_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "state.h"

/* Takes all of it out of the environment; without a file nothing will be written. */
void journal_open(void);
/* Other lines for TSRUN_EVENTS_END, copied: a container's networks may change while it runs. */
void journal_set_end(const char *lines, size_t length);
void journal_start(const struct state *state);
void journal_health(bool healthy);
void journal_probe_start(void);
/* Of the probe that was started last, unless that is known already. */
void journal_probe_end(int exit_code);
void journal_end(const struct state *state);

#endif
