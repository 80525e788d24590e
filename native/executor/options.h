/* The executor's command line: everything that TypeScript has decided for it. */
#ifndef TSRUN_EXECUTOR_OPTIONS_H
#define TSRUN_EXECUTOR_OPTIONS_H

#include <stdbool.h>

/* What the process's terminal is connected to, where its Plan opens one. */
enum console { CONSOLE_NONE, CONSOLE_SOCKET, CONSOLE_RELAY };

struct options {
	int plan_fds;         /* --plan-fds N: descriptors for the Plan's slots */
	bool stay;            /* --stay: wait for the process to end, and tell how */
	int timeout;          /* --timeout MS: kill the process if it has not ended by then; 0 never */
	enum console console; /* --console socket|relay: the master goes to the socket that comes along, or is relayed here */
};

/* Parses the command line; ends the process with status 2 on a word it does not know. */
void options_parse(struct options *options, int argc, char **argv);

#endif
