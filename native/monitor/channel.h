/* The socket between the monitor and the child that executes the Plan; close-on-exec, so its end is execve's success. */
#ifndef TSRUN_CHANNEL_H
#define TSRUN_CHANNEL_H

#include <stdint.h>

enum channel_kind {
	CHANNEL_FAILED = 1,  /* step, errno */
	CHANNEL_WAITING = 2, /* step; in place of the errno, at OP_SECCOMP, the descriptor of a listener to be fetched */
	CHANNEL_CONSOLE = 3, /* the pty's master comes along (SCM_RIGHTS) */
};

struct channel_message {
	uint32_t kind;
	uint32_t step;
	int32_t error;
};

/* Sends one message, with a descriptor where fd >= 0. Returns 0 or an errno value. */
int channel_send(int channel, struct channel_message message, int fd);

/*
 * Receives one message; *fd is the descriptor that came along, the caller's to close, or -1. Returns 1, 0 at end of
 * file, or -errno.
 */
int channel_receive(int channel, struct channel_message *message, int *fd);

#endif
