#ifndef TSRUN_PTY_H
#define TSRUN_PTY_H

#include "interpreter.h"

/*
 * Opens a pty of the devpts instance at /dev/pts of the current root: the master goes to the monitor, the slave takes
 * the places of the three standard slots. Returns 0 or -1 with errno.
 */
int pty_open(struct plan_context *context, unsigned short rows, unsigned short columns);

#endif
