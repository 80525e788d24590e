#include "restart.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "monitor.h"
#include "service.h"

/*
 * The file is there before anybody sends a signal, so that no end can be taken for one of the container's own; the
 * frame wakes whoever waits already.
 */
static bool is_stopped(void)
{
	return monitor.stopping || (monitor.options.stopped && access(monitor.options.stopped, F_OK) == 0);
}

bool restart_wanted(int exit_code)
{
	if (monitor.options.restart_on == RESTART_NEVER || is_stopped())
		return false;
	return monitor.options.restart_on == RESTART_ALWAYS || exit_code != 0;
}

int restart_delay(long long ran)
{
	const struct options *options = &monitor.options;

	return ran >= options->steady_after ? options->steady_delay : options->restart_delay;
}

bool restart_wait(int delay)
{
	long long end = clock_milliseconds() + delay;

	while (!is_stopped()) {
		long long left = end - clock_milliseconds();

		if (left <= 0)
			return true;
		service_round(left > INT_MAX ? INT_MAX : (int)left);
	}
	return false;
}

void restart_cancel(void)
{
	const struct options *options = &monitor.options;

	monitor.state.status = "exited";
	monitor.state.restart_delay = 0;
	if (options->wait)
		state_replace(options->state, options->wait, strlen(options->wait), options->durable);
	else
		state_write(&monitor.state, options->state, options->durable);
}
