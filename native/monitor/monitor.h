/* What the parts of the monitor share: what it was told, the Plan that it executes, and how far it has come. */
#ifndef TSRUN_MONITOR_H
#define TSRUN_MONITOR_H

#include <stdbool.h>

#include "interpreter.h"
#include "options.h"
#include "state.h"

struct monitor {
	struct options options;
	struct plan_context plan;
	struct state state;
	int channel;       /* to the child, until execve closes its end; -1 then */
	int children;      /* children_watch() */
	bool ended;        /* the process has been waited for */
	bool restarting;   /* it is to be started again */
	bool stopping;     /* what ends now is to stay ended */
	int lock;          /* the container's lock; -1 once let go of */
	long long started; /* when it did, by clock_milliseconds() */
	bool acknowledged; /* the launcher looks after what remains */
	int unrecorded;    /* why the state document could not be written at the start, an errno value */
};

extern struct monitor monitor; /* main.c */

/* Closes *fd unless it is -1, and makes it -1. */
void close_fd(int *fd);

#endif
