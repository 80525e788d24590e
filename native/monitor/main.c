/*
 * The monitor: one per container, and one per `exec`. It is the parent of the process, executes the Plan that starts
 * it, carries its standard streams or terminal, writes its log and records how it ended. It holds no policy: all that
 * it is to do is on its command line (options.h) and in the Plan.
 *
 * Its life: load the Plan, run it up to clone, serve until execve has succeeded or failed (starting), serve until the
 * process is gone (running), write down the end, give the clients what output is left, clean up, and at the very end
 * become the --on-exit program where nobody looks after the rest.
 *
 * The launcher's lock on the container is an open file description that this process inherits among its descriptors
 * (flock(2)): it is free again when the monitor has ended, however that came about, or has only slow readers to serve.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "clients.h"
#include "journal.h"
#include "log.h"
#include "monitor.h"
#include "service.h"
#include "streams.h"

struct monitor monitor = { .channel = -1, .plan = { .pidfd = -1 }, .state = { .status = "running" } };

void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void become_monitor(void)
{
	setsid();
	umask(0);
	prctl(PR_SET_NAME, "tsrun-monitor"); /* it was executed by way of a descriptor, whose number would be its name */
	/* What is in the container already must not look into the child that joins it, nor take its descriptors. */
	prctl(PR_SET_DUMPABLE, 0);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

static void inherit_descriptors(void)
{
	int plan_fds = monitor.options.plan_fds;

	for (int i = 0; i < PLAN_SLOTS; i++)
		monitor.plan.slots[i] = i < plan_fds ? PLAN_FIRST_FD + i : -1;
	/* The lock, the Plan of health checks if any, and this program follow. Nothing that is executed may inherit any. */
	for (int fd = PLAN_FD; fd <= PLAN_FIRST_FD + plan_fds + 2; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(CONTROL_FD, F_SETFL, O_NONBLOCK);
	clients_add(CONTROL_FD, true);
}

/* Serves from the Plan's first step until the process has ended. */
static void serve_process(void)
{
	while (!monitor.ended) {
		service_round(-1);
		if (monitor.unrecorded)
			child_give_up(monitor.unrecorded);
		/* While it starts, the container belongs to the launcher: without it there shall be none. */
		if (monitor.channel >= 0 && (clients_control() == NULL || monitor.acknowledged))
			child_give_up(0);
	}
}

int main(int argc, char **argv)
{
	const struct options *options = &monitor.options;

	options_parse(&monitor.options, argc, argv);
	become_monitor();
	journal_open();
	clients_init();
	inherit_descriptors();
	streams_open();
	if (options->log)
		log_open(options->log, options->log_size, options->log_files);
	service_listen();
	child_start();
	serve_process();

	service_drain();
	service_clean_up();
	clients_broadcast(FRAME_EXITED, (uint32_t[]){ (uint32_t)monitor.state.exit_code, monitor.state.oom_killed, 0 }, 12);
	service_drain();
	if (options->on_exit == NULL)
		return 0;
	while (!monitor.acknowledged && clients_control() != NULL)
		service_round(-1);
	if (!monitor.acknowledged)
		execv(options->on_exit[0], options->on_exit);
	return 0;
}
