/*
 * The monitor: one per container, and one per `exec`. It is the parent of the process, executes the Plan that starts
 * it, carries its standard streams or terminal, writes its log and records how it ended. It holds no policy: all that
 * it is to do is on its command line (options.h) and in the Plan.
 *
 * Its life: load the Plan, run it up to clone, serve until execve has succeeded or failed (starting), serve until the
 * process is gone (running), write down the end, give the clients what output is left, clean up, wait where the
 * container is to be started again (restart.h), and at the very end become the program that does so, or that looks after
 * the rest where nobody else does.
 *
 * The launcher's lock on the container is an open file description that this process inherits among its descriptors
 * (flock(2)): it is free again when the monitor has ended, however that came about, or has only slow readers to serve.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "children.h"
#include "clients.h"
#include "journal.h"
#include "log.h"
#include "monitor.h"
#include "orders.h"
#include "restart.h"
#include "service.h"
#include "signals.h"
#include "streams.h"

struct monitor monitor = { .channel = -1, .children = -1, .lock = -1, .plan = { .pidfd = -1 }, .state = { .status = "running" } };

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
	signals_set(SIG_IGN);
}

static void inherit_descriptors(void)
{
	int plan_fds = monitor.options.plan_fds;

	for (int i = 0; i < PLAN_SLOTS; i++)
		monitor.plan.slots[i] = i < plan_fds ? PLAN_FIRST_FD + i : -1;
	/*
	 * What options.h tells of follows, where there is any: the Plan of health checks, the name server's two sockets, what
	 * holds published ports. Nothing that is executed may inherit any.
	 */
	close_range(OWNER_LOCK_FD, ~0U, CLOSE_RANGE_CLOEXEC);
	monitor.lock = OWNER_LOCK_FD;
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
		/* While it starts, or as long as it runs, it belongs to the launcher: without that there shall be none. */
		if (monitor.channel >= 0 && (clients_control() == NULL || monitor.acknowledged))
			child_give_up(0);
		if (monitor.options.leashed && clients_control() == NULL)
			child_give_up(0);
	}
}

/* Runs the Plan's process to its end, and tells the clients how it ended. */
static void run_process(void)
{
	const struct options *options = &monitor.options;

	streams_open();
	child_start();
	/* Beside the child, which has no part in them. */
	if (options->log)
		log_open(options->log, options->log_size, options->log_files);
	service_listen();
	serve_process();

	service_drain();
	service_release();
	if (!monitor.restarting)
		service_close();
	clients_broadcast(FRAME_EXITED, (uint32_t[]){ (uint32_t)monitor.state.exit_code, monitor.state.oom_killed, 0 }, 12);
	service_drain();
}

/* The program keeps the lock: there is no moment without an owner. */
static void become_successor(void)
{
	char number[16];

	if (monitor.lock >= 0) {
		snprintf(number, sizeof(number), "%d", monitor.lock);
		setenv("TSRUN_LOCK_FD", number, 1);
		fcntl(monitor.lock, F_SETFD, 0);
	}
	umask(022);
	signals_set(SIG_DFL);
	if (chdir("/") == 0)
		execv(monitor.options.on_exit[0], monitor.options.on_exit);
}

/* A container that is to be started again, now or never. */
static void restart(void)
{
	clients_close(false);
	if (restart_wait(monitor.options.wait ? monitor.options.restart_delay : monitor.state.restart_delay))
		become_successor();
	restart_cancel();
	if (monitor.options.release)
		become_successor();
	service_leave();
}

int main(int argc, char **argv)
{
	become_monitor();
	options_parse(&monitor.options, argc, argv);
	if (monitor.options.orders) {
		orders_receive(CONTROL_FD, &argc, &argv);
		options_parse(&monitor.options, argc, argv);
	}
	journal_open();
	monitor.children = children_watch();
	clients_init();
	inherit_descriptors();
	monitor.state.restart_count = monitor.options.restart_count;

	if (monitor.options.wait) {
		service_listen();
		monitor.restarting = true;
	} else {
		run_process();
	}
	if (monitor.restarting) {
		restart();
		return 0;
	}
	if (monitor.options.release && monitor.options.on_exit)
		become_successor();
	if (monitor.options.stopped || monitor.options.on_exit == NULL) {
		service_leave();
		service_part();
		return 0;
	}
	while (!monitor.acknowledged && clients_control() != NULL)
		service_round(-1);
	if (!monitor.acknowledged)
		become_successor();
	service_part();
	return 0;
}
