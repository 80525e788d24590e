#include "child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel.h"
#include "children.h"
#include "clients.h"
#include "health.h"
#include "journal.h"
#include "members.h"
#include "monitor.h"
#include "resolver.h"
#include "restart.h"
#include "service.h"
#include "streams.h"

/* In the child: the launcher may want to see through /proc what this process sees, so it waits to be killed. */
static _Noreturn void report_failure(int error)
{
	struct channel_message message = { .kind = CHANNEL_FAILED, .step = monitor.plan.step, .error = error };
	char word;

	if (channel_send(monitor.plan.channel, message, -1) == 0)
		while (read(monitor.plan.channel, &word, 1) > 0)
			continue;
	_exit(1);
}

void child_start(void)
{
	struct plan_context *plan = &monitor.plan;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		exit(1);
	plan->channel = pair[1];
	plan->monitor_end = pair[0];
	plan->report = report_failure;
	int error = plan_load(plan, PLAN_FD);
	if (error == 0)
		error = plan_run(plan);
	if (plan->in_child)
		report_failure(error);
	if (plan->child > 0)
		children_expect(plan->child);
	close(pair[1]);
	monitor.channel = pair[0];
	if (error != 0)
		child_give_up(error);
	/* The child has its copies: what stays open here would keep its namespaces and pipes alive. */
	for (int i = 0; i < PLAN_SLOTS; i++)
		if (plan->slots[i] >= 0)
			close(plan->slots[i]);
}

static void record_start(void)
{
	struct state *state = &monitor.state;

	state->pid = monitor.plan.child;
	state->start_ticks = state_start_ticks(monitor.plan.child);
	clock_now(state->started_at);
	monitor.started = clock_milliseconds();
	monitor.unrecorded = health_start(&monitor.options.health, monitor.plan.pidfd);
	if (monitor.unrecorded)
		return;
	if (monitor.options.state && state_write(state, monitor.options.state, false) < 0) {
		monitor.unrecorded = errno; /* what nobody could find again must not run */
		return;
	}
	journal_start(state);
	resolver_start(&monitor.options.resolver, monitor.options.id);
	client_send_numbers(clients_control(), FRAME_STARTED, (uint32_t)monitor.plan.child, 0, 0);
}

void child_hear(void)
{
	struct channel_message message;
	struct client *control = clients_control();
	uint32_t pid = (uint32_t)monitor.plan.child;
	int fd;

	bool heard = channel_receive(monitor.channel, &message, &fd) > 0;
	if (heard && message.kind == CHANNEL_CONSOLE) {
		streams_use_terminal(fd);
		return;
	}
	close_fd(&fd);
	if (!heard) {
		close_fd(&monitor.channel); /* execve has closed the other end: the container runs */
		record_start();
		return;
	}
	switch (message.kind) {
	case CHANNEL_WAITING:
		if (control == NULL)
			close_fd(&monitor.channel); /* the child reads the end and goes */
		client_send_numbers(control, FRAME_WAITING, message.step, pid, 0);
		return;
	case CHANNEL_FAILED:
		client_send_numbers(control, FRAME_FAILED, message.step, (uint32_t)message.error, pid);
		return;
	}
}

void child_signal(int number)
{
	if (!monitor.ended && monitor.plan.pidfd >= 0)
		syscall(SYS_pidfd_send_signal, monitor.plan.pidfd, number, NULL, 0);
}

void child_record_end(void)
{
	struct options *options = &monitor.options;
	struct state *state = &monitor.state;
	int status = children_wait(monitor.plan.child);

	if (options->members)
		members_kill(options->members);
	monitor.ended = true;
	health_stop();
	resolver_stop();
	state->pid = 0;
	state->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	state->oom_killed = options->oom_file && state_read_counter(options->oom_file, options->oom_key) > 0;
	clock_now(state->finished_at);
	monitor.restarting = restart_wanted(state->exit_code);
	state->status = monitor.restarting ? "restarting" : "exited";
	if (monitor.restarting)
		state->restart_delay = restart_delay(clock_milliseconds() - monitor.started);
	if (options->state)
		state_write(state, options->state, options->durable);
	journal_end(state);
}

_Noreturn void child_give_up(int error)
{
	if (monitor.plan.child > 0) {
		child_signal(SIGKILL);
		children_wait(monitor.plan.child);
		if (monitor.options.members)
			members_kill(monitor.options.members);
	}
	if (error)
		client_send_numbers(clients_control(), FRAME_FAILED, monitor.plan.child > 0 ? NO_STEP : monitor.plan.step, (uint32_t)error, 0);
	service_release();
	/* The lock is still the launcher's, and so is its file, unless there is no launcher any more. */
	service_close();
	if (clients_control() == NULL)
		service_leave();
	exit(1);
}
