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
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"
#include "clients.h"
#include "interpreter.h"
#include "log.h"
#include "options.h"
#include "state.h"

#define DRAIN_BYTES (1 << 20) /* what a pipe can hold (pipe(7)): that much is read after the end, but no endless output */
#define PATIENCE 1000         /* milliseconds for which a client that does not read keeps the container from being over */
#define RMDIR_TRIES 100       /* a cgroup stays busy for moments after its last process: 10 ms each */

static struct options options;
static struct plan_context plan;
static struct state state = { .status = "running" };

static int channel = -1;        /* to the child, until execve closes its end */
static int listener = -1;
static int input = -1;          /* the process's stdin, or the pty's master */
static int output[2] = { -1, -1 }; /* its stdout and stderr, or the pty's master and nothing */
static bool ended;              /* the process has been waited for */
static bool acknowledged;
static int unrecorded;          /* why the state document could not be written at the start */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void send_numbers(struct client *client, enum frame_type type, uint32_t first, uint32_t second, uint32_t third)
{
	uint32_t numbers[] = { first, second, third };

	client_send(client, type, numbers, sizeof(numbers));
}

/* ---- streams ---- */

static void make_pipe(int *monitor_end, int slot, bool process_reads)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		exit(1);
	*monitor_end = ends[process_reads ? 1 : 0];
	plan.slots[slot] = ends[process_reads ? 0 : 1];
	fcntl(*monitor_end, F_SETFL, O_NONBLOCK);
}

static void open_streams(void)
{
	if (options.terminal)
		return; /* the Plan opens the pty in the container's own devpts and sends the master */
	if (options.stdin_open)
		make_pipe(&input, SLOT_STDIN, true);
	else
		plan.slots[SLOT_STDIN] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	make_pipe(&output[LOG_STDOUT], SLOT_STDOUT, false);
	make_pipe(&output[LOG_STDERR], SLOT_STDERR, false);
}

static void close_input(void)
{
	if (!options.terminal)
		close_fd(&input);
}

/* Gives the process what clients have sent for its stdin, and the clients credit for what it took. */
static void write_input(void)
{
	for (int i = 0; i < MAX_CLIENTS; i++) {
		struct client *client = &clients[i];

		if (client->fd < 0)
			continue;
		if (client->input_length > 0) {
			ssize_t taken = input < 0 ? (ssize_t)client->input_length : write(input, client->input, client->input_length);

			if (taken < 0 && errno == EAGAIN)
				return;
			if (taken < 0) { /* EPIPE: the process has closed its stdin; what comes is thrown away */
				close_input();
				taken = (ssize_t)client->input_length;
			}
			client->input_length -= (size_t)taken;
			memmove(client->input, client->input + taken, client->input_length);
			send_numbers(client, FRAME_CREDIT, (uint32_t)taken, 0, 0);
		}
		if (client->input_ends && client->input_length == 0)
			close_input();
	}
}

static bool input_waits(void)
{
	for (int i = 0; i < MAX_CLIENTS; i++)
		if (clients[i].fd >= 0 && clients[i].input_length > 0)
			return true;
	return false;
}

static void close_output(int stream)
{
	if (options.terminal)
		input = -1;
	close_fd(&output[stream]);
}

static void read_output(int stream)
{
	static ssize_t left[2] = { DRAIN_BYTES, DRAIN_BYTES };
	static char data[FRAME_MAX];
	ssize_t got = read(output[stream], data, sizeof(data));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) { /* a pty's master says EIO once the last slave is closed */
		close_output(stream);
		return;
	}
	log_write(stream == 0 ? LOG_STDOUT : LOG_STDERR, data, (size_t)got);
	clients_broadcast(stream == 0 ? FRAME_STDOUT : FRAME_STDERR, data, (size_t)got);
	/* A process that `exec` left behind may write for ever. */
	left[stream] -= ended ? got : 0;
	if (left[stream] <= 0)
		close_output(stream);
}

/* ---- clients ---- */

static void handle_frame(struct client *client, const struct frame_header *header, const char *payload)
{
	uint32_t numbers[2] = { 0, 0 };

	memcpy(numbers, payload, header->length < sizeof(numbers) ? header->length : sizeof(numbers));
	switch (header->type) {
	case FRAME_STDIN:
		if (header->length > sizeof(client->input) - client->input_length) {
			client_close(client); /* more than its credit */
			return;
		}
		memcpy(client->input + client->input_length, payload, header->length);
		client->input_length += header->length;
		write_input();
		return;
	case FRAME_CLOSE_STDIN:
		/* Whoever looks in on a process that keeps its stdin open does not close it by going away. */
		client->input_ends = client->control || options.stdin_once;
		write_input();
		return;
	case FRAME_RESIZE:
		if (options.terminal && input >= 0)
			ioctl(input, TIOCSWINSZ, &(struct winsize){ .ws_row = (unsigned short)numbers[0], .ws_col = (unsigned short)numbers[1] });
		return;
	case FRAME_SIGNAL:
		if (!ended && plan.pidfd >= 0)
			syscall(SYS_pidfd_send_signal, plan.pidfd, (int)numbers[0], NULL, 0);
		return;
	case FRAME_CONTINUE:
		if (channel >= 0 && write(channel, "", 1) < 0)
			close_fd(&channel);
		return;
	case FRAME_ACK:
		if (client->control)
			acknowledged = true;
		return;
	}
}

static void listen_for_clients(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "attach.sock" };

	/* sun_path holds 108 bytes, which a directory with a 64-digit id in it may exceed: bind from inside it. */
	if (options.socket_dir == NULL || chdir(options.socket_dir) < 0)
		return;
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(address.sun_path);
	/* Whoever may write to the socket may command the container (unix(7)): the owner alone, from its first moment. */
	mode_t mask = umask(0177);
	if (listener >= 0 && (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, SOMAXCONN) < 0))
		close_fd(&listener);
	umask(mask);
}

/* ---- the child ---- */

static void hear_child(void)
{
	struct channel_message message;
	struct client *control = clients_control();
	int fd;

	if (channel_receive(channel, &message, &fd) <= 0) {
		close_fd(&channel); /* execve has closed the other end: the container runs */
		state.pid = plan.child;
		state.start_ticks = state_start_ticks(plan.child);
		clock_now(state.started_at);
		if (options.state && state_write(&state, options.state, false) < 0) {
			unrecorded = errno; /* what nobody could find again must not run */
			return;
		}
		send_numbers(control, FRAME_STARTED, (uint32_t)plan.child, 0, 0);
		return;
	}
	switch (message.kind) {
	case CHANNEL_CONSOLE:
		fcntl(fd, F_SETFL, O_NONBLOCK);
		input = output[LOG_STDOUT] = fd;
		return;
	case CHANNEL_WAITING:
		if (control == NULL)
			close_fd(&channel); /* the child reads the end and goes */
		send_numbers(control, FRAME_WAITING, message.step, (uint32_t)plan.child, 0);
		return;
	case CHANNEL_FAILED:
		send_numbers(control, FRAME_FAILED, message.step, (uint32_t)message.error, (uint32_t)plan.child);
		return;
	}
}

static void clean_up(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	close_fd(&listener);
	if (options.socket_dir)
		unlink("attach.sock");
	for (int i = 0; i < MAX_PATHS && options.unlink[i]; i++)
		unlink(options.unlink[i]);
	for (int i = 0; i < MAX_PATHS && options.rmdir[i]; i++)
		for (int try = 0; try < RMDIR_TRIES && rmdir(options.rmdir[i]) < 0 && errno == EBUSY; try++)
			nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
}

/* The Plan failed: let the launcher look at the child's view of the world, then end everything. */
static void give_up(int error)
{
	if (plan.child > 0) {
		syscall(SYS_pidfd_send_signal, plan.pidfd, SIGKILL, NULL, 0);
		waitpid(plan.child, NULL, 0);
	}
	if (error)
		send_numbers(clients_control(), FRAME_FAILED, plan.child > 0 ? NO_STEP : plan.step, (uint32_t)error, 0);
	clean_up();
	exit(1);
}

static void record_end(void)
{
	int status = 0;

	waitpid(plan.child, &status, 0);
	ended = true;
	state.status = "exited";
	state.pid = 0;
	state.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	state.oom_killed = options.oom_file && state_read_counter(options.oom_file, options.oom_key) > 0;
	clock_now(state.finished_at);
	if (options.state)
		state_write(&state, options.state, options.durable);
}

/* ---- serving ---- */

enum { WATCH_CHANNEL, WATCH_PIDFD, WATCH_LISTENER, WATCH_INPUT, WATCH_STDOUT, WATCH_STDERR, WATCH_CLIENTS,
       WATCHED = WATCH_CLIENTS + MAX_CLIENTS };

/* One round of poll(2). Returns the number of descriptors that had something, 0 after timeout milliseconds. */
static int serve(int timeout)
{
	struct pollfd watch[WATCHED];
	bool pending = clients_pending();

	watch[WATCH_CHANNEL] = (struct pollfd){ .fd = channel, .events = POLLIN };
	watch[WATCH_PIDFD] = (struct pollfd){ .fd = ended ? -1 : plan.pidfd, .events = POLLIN };
	watch[WATCH_LISTENER] = (struct pollfd){ .fd = listener, .events = POLLIN };
	watch[WATCH_INPUT] = (struct pollfd){ .fd = input_waits() ? input : -1, .events = POLLOUT };
	/* A client that is slow slows the process down, as a pipe would: nothing is lost and nothing piles up. */
	watch[WATCH_STDOUT] = (struct pollfd){ .fd = pending ? -1 : output[0], .events = POLLIN };
	watch[WATCH_STDERR] = (struct pollfd){ .fd = pending ? -1 : output[1], .events = POLLIN };
	for (int i = 0; i < MAX_CLIENTS; i++)
		watch[WATCH_CLIENTS + i] = (struct pollfd){
			.fd = clients[i].fd,
			.events = (short)(POLLIN | (clients[i].out_length > 0 ? POLLOUT : 0)),
		};

	int ready = poll(watch, WATCHED, timeout);
	if (ready <= 0)
		return ready < 0 && errno == EINTR ? 1 : ready;

	for (int i = 0; i < MAX_CLIENTS; i++) {
		bool control = clients[i].control;

		if (watch[WATCH_CLIENTS + i].revents == 0 || clients[i].fd != watch[WATCH_CLIENTS + i].fd)
			continue;
		client_serve(&clients[i], watch[WATCH_CLIENTS + i].revents, handle_frame);
		if (clients[i].fd < 0 && control && options.stdin_once)
			close_input();
	}
	if (watch[WATCH_CHANNEL].revents && channel >= 0)
		hear_child();
	if (watch[WATCH_LISTENER].revents) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			clients_add(fd, false);
	}
	if (watch[WATCH_INPUT].revents)
		write_input();
	for (int stream = 0; stream < 2; stream++)
		if (watch[WATCH_STDOUT + stream].revents && output[stream] >= 0 && !clients_pending())
			read_output(stream);
	if (watch[WATCH_PIDFD].revents && channel < 0)
		record_end();
	return ready;
}

/*
 * What the process left in its pipes reaches the log and the clients. One that takes its time, a pager perhaps, gets
 * it all, but must not hold anybody else up: the container is over, its name and its lock are free.
 */
static void drain(void)
{
	static bool let_go;

	while (output[0] >= 0 || output[1] >= 0 || clients_pending()) {
		bool pending = clients_pending();
		int ready = serve(!pending ? 0 : let_go ? -1 : PATIENCE);

		if (ready == 0 && !pending)
			break; /* nothing left, although a process elsewhere still holds the pipe open */
		if (ready == 0) {
			let_go = true;
			clean_up();
			close(PLAN_FIRST_FD + options.plan_fds);
		}
	}
	log_close();
	for (int stream = 0; stream < 2; stream++)
		close_output(stream);
}

/* In the child: the launcher may want to see through /proc what this process sees, so it waits to be killed. */
static _Noreturn void report_failure(int error)
{
	struct channel_message message = { .kind = CHANNEL_FAILED, .step = plan.step, .error = error };
	char word;

	if (channel_send(plan.channel, message, -1) == 0)
		while (read(plan.channel, &word, 1) > 0)
			continue;
	_exit(1);
}

static void start(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		exit(1);
	plan.channel = pair[1];
	plan.monitor_end = pair[0];
	int error = plan_load(&plan, PLAN_FD);
	if (error == 0)
		error = plan_run(&plan);
	if (plan.in_child)
		report_failure(error);
	close(pair[1]);
	channel = pair[0];
	if (error != 0)
		give_up(error);
	/* The child has its copies: what stays open here would keep its namespaces and pipes alive. */
	for (int i = 0; i < PLAN_SLOTS; i++)
		if (plan.slots[i] >= 0)
			close(plan.slots[i]);
}

static void inherit_descriptors(void)
{
	for (int i = 0; i < PLAN_SLOTS; i++)
		plan.slots[i] = i < options.plan_fds ? PLAN_FIRST_FD + i : -1;
	/* Two more follow the Plan's: the lock, and this program. Nothing that is executed from here may inherit any. */
	for (int fd = PLAN_FD; fd <= PLAN_FIRST_FD + options.plan_fds + 1; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int main(int argc, char **argv)
{
	bool failed = false;

	options_parse(&options, argc, argv);
	setsid();
	umask(0);
	prctl(PR_SET_NAME, "tsrun-monitor"); /* it was executed by way of a descriptor, whose number would be its name */
	/* What is in the container already must not look into the child that joins it, nor take its descriptors. */
	prctl(PR_SET_DUMPABLE, 0);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);

	plan.pidfd = -1;
	clients_init();
	inherit_descriptors();
	fcntl(CONTROL_FD, F_SETFL, O_NONBLOCK);
	clients_add(CONTROL_FD, true);
	open_streams();
	if (options.log)
		log_open(options.log, options.log_size, options.log_files);
	listen_for_clients();
	start();

	while (!ended && !failed) {
		serve(-1);
		/* While it starts, the container belongs to the launcher: without it there shall be none. */
		failed = unrecorded || (channel >= 0 && (clients_control() == NULL || acknowledged));
	}
	if (failed)
		give_up(unrecorded);

	drain();
	clean_up();
	clients_broadcast(FRAME_EXITED, (uint32_t[]){ (uint32_t)state.exit_code, state.oom_killed, 0 }, 12);
	drain();
	if (options.on_exit == NULL)
		return 0;
	while (!acknowledged && clients_control() != NULL)
		serve(-1);
	if (!acknowledged)
		execv(options.on_exit[0], options.on_exit);
	return 0;
}
