/* What follows the end of a container that is to run again: a wait, in which it can still be stopped. */
#ifndef TSRUN_RESTART_H
#define TSRUN_RESTART_H

#include <stdbool.h>

/* Whether a process that ended so is to be started again: by --restart-on, and unless somebody has stopped it. */
bool restart_wanted(int exit_code);
/* How long to wait first, in milliseconds, after a process that ran for so many. */
int restart_delay(long long ran);
/* Serves until the delay is over (true) or somebody stops the container (false). */
bool restart_wait(int delay);
/* The container that was to be started again stays as it is: writes that down. */
void restart_cancel(void);

#endif
