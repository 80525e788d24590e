/*
 * One probe of a container's health at a time: a process that a Plan starts in the container (exec-plan.ts), what it
 * writes and how it ends.
 */
#ifndef TSRUN_PROBE_H
#define TSRUN_PROBE_H

#include <poll.h>
#include <stdbool.h>

#include "health-state.h"

#define PROBE_WATCHED 3 /* descriptors that a probe adds to poll(2) */

/*
 * Maps the Plan in descriptor plan_fd. Its slot "init" gets the pidfd, "cgroup" the directory that it is cloned into,
 * NULL where it joins in another way. Returns 0 or an errno value.
 */
int probe_load(int plan_fd, int init, const char *cgroup);

/* Runs the Plan up to clone. Returns false where that failed: the probe has ended then. */
bool probe_start(void);

/* Whether the program itself is at work, execve done. */
bool probe_executes(void);

void probe_watch(struct pollfd watch[PROBE_WATCHED]);

/* Looks at what poll(2) has found. Returns whether the probe has ended. */
bool probe_serve(const struct pollfd watch[PROBE_WATCHED]);

/* Kills it: probe_serve() tells when it is gone. `why` becomes the beginning of its output. */
void probe_kill(const char *why);

/* Of the probe that has ended last. */
const struct probe_result *probe_result(void);

/* Whether that probe's end may be the container's: it was killed, or could not even begin. */
bool probe_was_cut_off(void);

#endif
