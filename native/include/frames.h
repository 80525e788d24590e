/*
 * What a monitor and its clients say to each other on a stream socket (src/runtime/monitor-client.ts): frames of an
 * 8-byte header, little endian, and a payload of at most FRAME_MAX bytes.
 */
#ifndef TSRUN_FRAMES_H
#define TSRUN_FRAMES_H

#include <stdint.h>

#define FRAME_MAX 32768u

/*
 * Stdin is flow-controlled by credit, so that a process that does not read its input never holds up the frames behind
 * it: a signal must get through to exactly such a process.
 */
#define STDIN_WINDOW 65536u

/* The step of a FRAME_FAILED that concerns none: execve succeeded, but the state document could not be written. */
#define NO_STEP UINT32_MAX

struct frame_header {
	uint32_t type;
	uint32_t length;
};

enum frame_type {
	/* client to monitor */
	FRAME_STDIN = 1,       /* at most STDIN_WINDOW bytes that no FRAME_CREDIT has given back yet */
	FRAME_CLOSE_STDIN = 2,
	FRAME_RESIZE = 3,   /* u32 rows, u32 columns */
	FRAME_SIGNAL = 4,   /* u32 signal number */
	FRAME_CONTINUE = 5, /* go on from the step that waits */
	FRAME_ACK = 6,      /* the client has taken note of the end and looks after the rest */
	FRAME_STOPPING = 7, /* what ends now is to stay ended; ends the wait for a restart */
	FRAME_RESTART = 8,  /* u32: --restart-on from now on: 0 never, 1 always, 2 failure */
	FRAME_UNLINK = 9,   /* a path: --unlink from now on */
	FRAME_RESOLVER = 10, /* with two descriptors (SCM_RIGHTS): the sockets of a name server that it gets while it runs */
	FRAME_EVENTS = 11,   /* text: what is recorded after the end from now on, TSRUN_EVENTS_END of journal.h */
	/* monitor to client */
	FRAME_STDOUT = 16,
	FRAME_STDERR = 17,
	FRAME_STARTED = 18, /* u32 pid: execve has succeeded */
	FRAME_FAILED = 19,  /* u32 step or NO_STEP, u32 errno, u32 pid (0: no process waits for the ACK) */
	FRAME_EXITED = 20,  /* u32 exit code (128+n for signal n), u32 1 where the kernel's OOM killer struck */
	FRAME_WAITING = 21, /* u32 step, u32 pid, u32 the descriptor of a listener that the step has made */
	FRAME_CREDIT = 22,  /* u32: so many bytes of FRAME_STDIN have reached the process */
};

#endif
