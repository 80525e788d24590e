/*
 * A terminal in the foreground: bytes between the user's terminal on descriptors 0 and 1 and the master of the process's
 * pty, window sizes from the one to the other.
 */
#ifndef TSRUN_RELAY_H
#define TSRUN_RELAY_H

#include <poll.h>

#define RELAY_FDS 3

/* Puts the user's terminal into raw mode, if there is one, and begins; the master is the relay's. */
void relay_begin(int master);

/* The descriptors to poll(2) for; all -1 before relay_begin() and after relay_end(). */
void relay_watch(struct pollfd watch[RELAY_FDS]);

/* Copies what poll(2) said is there. */
void relay_hear(const struct pollfd watch[RELAY_FDS]);

/* Copies what the process has left, and gives the user's terminal back as it was. */
void relay_end(void);

#endif
