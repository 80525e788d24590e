/* The process's standard streams, or its terminal: what clients type goes in, what it writes goes to log and clients. */
#ifndef TSRUN_STREAMS_H
#define TSRUN_STREAMS_H

#include <stdbool.h>

struct streams {
	int input;     /* the process's stdin, or the pty's master; -1 where there is none */
	int output[2]; /* its stdout and stderr, or the pty's master and -1 */
};

extern struct streams streams;

/* Makes the pipes whose other ends the Plan hands to the process. */
void streams_open(void);
/* With a terminal: the pty's master, which the Plan has opened. */
void streams_use_terminal(int master);
void streams_resize(unsigned short rows, unsigned short columns);

/* Gives the process what clients have sent for its stdin, and the clients credit for what it took. */
void streams_write_input(void);
/* Whether clients have sent more than the process has taken. */
bool streams_input_waits(void);
/* Ends stdin; a terminal has no end of its own. */
void streams_close_input(void);

/* Passes on what stdout (0) or stderr (1) has to say. */
void streams_read_output(int stream);
void streams_close_output(void);

#endif
