#include "service.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "children.h"
#include "clients.h"
#include "health.h"
#include "journal.h"
#include "log.h"
#include "monitor.h"
#include "resolver.h"
#include "streams.h"

#define PATIENCE 1000   /* milliseconds for which a client that does not read keeps the container from being over */
#define RMDIR_TRIES 100 /* a cgroup stays busy for moments after its last process: 10 ms each */

static int listener = -1;

void service_listen(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "attach.sock" };

	/* sun_path holds 108 bytes, which a directory with a 64-digit id in it may exceed: bind from inside it. */
	if (monitor.options.socket_dir == NULL || chdir(monitor.options.socket_dir) < 0)
		return;
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(address.sun_path);
	/* Whoever may write to the socket may command the container (unix(7)): the owner alone, from its first moment. */
	mode_t mask = umask(0177);
	if (listener >= 0 && (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, SOMAXCONN) < 0))
		close_fd(&listener);
	umask(mask);
}

static void take_stdin(struct client *client, const char *data, size_t length)
{
	if (length > sizeof(client->buffers->input) - client->input_length) {
		client_close(client); /* more than its credit */
		return;
	}
	memcpy(client->buffers->input + client->input_length, data, length);
	client->input_length += length;
	streams_write_input();
}

static void handle_frame(struct client *client, const struct frame_header *header, const char *payload)
{
	uint32_t numbers[2] = { 0, 0 };

	memcpy(numbers, payload, header->length < sizeof(numbers) ? header->length : sizeof(numbers));
	switch (header->type) {
	case FRAME_STDIN:
		take_stdin(client, payload, header->length);
		return;
	case FRAME_CLOSE_STDIN:
		/* Whoever looks in on a process that keeps its stdin open does not close it by going away. */
		client->input_ends = client->control || monitor.options.stdin_once;
		streams_write_input();
		return;
	case FRAME_RESIZE:
		streams_resize((unsigned short)numbers[0], (unsigned short)numbers[1]);
		return;
	case FRAME_SIGNAL:
		child_signal((int)numbers[0]);
		return;
	case FRAME_STOPPING:
		monitor.stopping = true;
		return;
	case FRAME_RESTART:
		if (numbers[0] <= RESTART_ON_FAILURE)
			monitor.options.restart_on = (enum restart_on)numbers[0];
		return;
	case FRAME_UNLINK: {
		char *path = strndup(payload, header->length);

		if (path && !options_append(&monitor.options.unlink, path))
			free(path); /* known; without memory, whoever finds the file without its container removes it */
		return;
	}
	case FRAME_EVENTS:
		journal_set_end(payload, header->length);
		return;
	case FRAME_RESOLVER:
		if (client->received[1] < 0)
			return;
		resolver_take(client->received);
		client->received[0] = client->received[1] = -1;
		return;
	case FRAME_CONTINUE:
		if (monitor.channel >= 0 && write(monitor.channel, "", 1) < 0)
			close_fd(&monitor.channel);
		return;
	case FRAME_ACK:
		if (client->control)
			monitor.acknowledged = true;
		return;
	}
}

static void serve_client(struct client *client, short events)
{
	bool control = client->control;

	client_serve(client, events, handle_frame);
	if (client->fd < 0 && control && monitor.options.stdin_once)
		streams_close_input();
}

static void accept_client(void)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		clients_add(fd, false);
}

enum { WATCH_CHANNEL, WATCH_CHILDREN, WATCH_PIDFD, WATCH_LISTENER, WATCH_INPUT, WATCH_STDOUT, WATCH_STDERR, WATCH_HEALTH,
       WATCH_RESOLVER = WATCH_HEALTH + HEALTH_WATCHED, WATCH_CLIENTS, WATCHED = WATCH_CLIENTS + MAX_CLIENTS };

static void fill(struct pollfd watch[WATCHED])
{
	bool pending = clients_pending();

	watch[WATCH_CHANNEL] = (struct pollfd){ .fd = monitor.channel, .events = POLLIN };
	watch[WATCH_CHILDREN] = (struct pollfd){ .fd = monitor.children, .events = POLLIN };
	watch[WATCH_PIDFD] = (struct pollfd){ .fd = monitor.ended ? -1 : monitor.plan.pidfd, .events = POLLIN };
	watch[WATCH_LISTENER] = (struct pollfd){ .fd = listener, .events = POLLIN };
	watch[WATCH_INPUT] = (struct pollfd){ .fd = streams_input_waits() ? streams.input : -1, .events = POLLOUT };
	/* A client that is slow slows the process down, as a pipe would: nothing is lost and nothing piles up. */
	watch[WATCH_STDOUT] = (struct pollfd){ .fd = pending ? -1 : streams.output[0], .events = POLLIN };
	watch[WATCH_STDERR] = (struct pollfd){ .fd = pending ? -1 : streams.output[1], .events = POLLIN };
	health_watch(&watch[WATCH_HEALTH]);
	resolver_watch(&watch[WATCH_RESOLVER]);
	for (int i = 0; i < MAX_CLIENTS; i++)
		watch[WATCH_CLIENTS + i] = (struct pollfd){
			.fd = clients[i].fd,
			.events = (short)(POLLIN | (clients[i].out_length > 0 ? POLLOUT : 0)),
		};
}

int service_round(int timeout)
{
	struct pollfd watch[WATCHED];

	fill(watch);
	int ready = poll(watch, WATCHED, resolver_timeout(health_timeout(timeout)));
	if (ready >= 0) {
		health_serve(&watch[WATCH_HEALTH]);
		resolver_serve(&watch[WATCH_RESOLVER]);
	}
	if (ready <= 0)
		return ready < 0 && errno == EINTR ? 1 : ready;

	for (int i = 0; i < MAX_CLIENTS; i++)
		if (watch[WATCH_CLIENTS + i].revents != 0 && clients[i].fd == watch[WATCH_CLIENTS + i].fd)
			serve_client(&clients[i], watch[WATCH_CLIENTS + i].revents);
	if (watch[WATCH_CHANNEL].revents && monitor.channel >= 0)
		child_hear();
	if (watch[WATCH_CHILDREN].revents)
		children_reap();
	if (watch[WATCH_LISTENER].revents)
		accept_client();
	if (watch[WATCH_INPUT].revents)
		streams_write_input();
	for (int stream = 0; stream < 2; stream++)
		if (watch[WATCH_STDOUT + stream].revents && streams.output[stream] >= 0 && !clients_pending())
			streams_read_output(stream);
	if (watch[WATCH_PIDFD].revents && monitor.channel < 0)
		child_record_end();
	return ready;
}

/*
 * What the process left in its pipes reaches the log and the clients. One that takes its time, a pager perhaps, gets
 * it all, but must not hold anybody else up: the container is over, its name and its lock are free. Of one that is to
 * be started again nobody else may have the lock, so there the slow ones lose what they have not read.
 */
void service_drain(void)
{
	static bool let_go;

	while (streams.output[0] >= 0 || streams.output[1] >= 0 || clients_pending()) {
		bool pending = clients_pending();
		int ready = service_round(!pending ? 0 : let_go ? -1 : PATIENCE);

		if (ready == 0 && !pending)
			break; /* nothing left, although a process elsewhere still holds the pipe open */
		if (ready == 0 && monitor.restarting) {
			clients_close(true);
		} else if (ready == 0) {
			let_go = true;
			service_release();
			service_leave();
		}
	}
	log_close();
	streams_close_output();
}

/*
 * A client that is just saying something must hear the end all the same: once a socket is closed a write to it fails, and
 * the client may give up before it has read what was there. So it is the client that closes, if it does so soon.
 */
void service_part(void)
{
	bool any = false;

	for (int i = 0; i < MAX_CLIENTS; i++)
		if (clients[i].fd >= 0 && shutdown(clients[i].fd, SHUT_WR) == 0)
			any = true;
	while (any && service_round(PATIENCE) > 0) {
		any = false;
		for (int i = 0; i < MAX_CLIENTS; i++)
			any |= clients[i].fd >= 0;
	}
}

/*
 * A lease is a symbolic link to the container's id. One that was given back meanwhile may be another container's by
 * now, and stays.
 */
static void remove_file(const char *path)
{
	char owner[128];
	const char *id = monitor.options.id ? monitor.options.id : "";
	ssize_t length = readlink(path, owner, sizeof(owner));

	if (length < 0 || ((size_t)length == strlen(id) && memcmp(owner, id, (size_t)length) == 0))
		unlink(path);
}

void service_release(void)
{
	struct options *options = &monitor.options;
	static bool done;

	if (done)
		return;
	done = true;
	ports_release(&options->ports); /* before the address is another's */
	for (size_t i = 0; i < options->unlink.count; i++)
		remove_file(options->unlink.paths[i]);
	for (size_t i = 0; i < options->rmdir.count; i++)
		for (int try = 0; try < RMDIR_TRIES && rmdir(options->rmdir.paths[i]) < 0 && errno == EBUSY; try++)
			nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
}

void service_close(void)
{
	if (listener >= 0)
		unlink("attach.sock");
	close_fd(&listener);
}

void service_leave(void)
{
	service_close();
	if (monitor.lock < 0)
		return;
	if (monitor.options.lock) {
		unlink(monitor.options.lock);
		rmdir(monitor.options.socket_dir);
	}
	close_fd(&monitor.lock);
}
