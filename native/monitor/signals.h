/*
 * What a monitor ignores, because it ends with its container and not with the terminal or the session that it was
 * started in. What it executes gets the defaults back: a signal that is ignored stays so across execve(2).
 */
#ifndef TSRUN_SIGNALS_H
#define TSRUN_SIGNALS_H

#include <signal.h>

/* SIG_IGN or SIG_DFL. */
static inline void signals_set(void (*handler)(int))
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGTERM, SIGPIPE };

	for (unsigned i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], handler);
}

#endif
