/* Connections: what one end says goes to the other, and so does that it has nothing more to say. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "forward.h"

#define BUFFER (64 << 10)
#define BACKLOG 1024

struct listener {
	struct source source;
	unsigned port;
};

/* One end of a connection, and what it has said that the other end has not taken yet. */
struct end {
	struct source source;
	struct end *other;
	uint32_t watched; /* 0: not at all */
	size_t start, length;
	bool ended, told; /* it says no more; the other end knows */
	char said[BUFFER];
};

struct connection {
	struct end ends[2];
	struct connection *next; /* in the list of those that are over */
};

/*
 * Nothing is read that cannot be kept. Of what nothing is waited for epoll(7) shall not know: it tells EPOLLHUP unasked,
 * for ever where both ways are closed and the other end is slow to take what was said before.
 */
static void watch(struct end *end)
{
	uint32_t events = (!end->ended && end->length == 0 ? EPOLLIN : 0) | (end->other->length > 0 ? EPOLLOUT : 0);

	if (events == end->watched)
		return;
	source_watch(&end->source, events == 0 ? EPOLL_CTL_DEL : end->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, events);
	end->watched = events;
}

/* The other end's event may be waiting in the same round: memory is freed when that is over. */
static struct connection *retired;

void tcp_free(void)
{
	while (retired) {
		struct connection *next = retired->next;

		free(retired);
		retired = next;
	}
}

static void retire(struct connection *connection)
{
	for (int i = 0; i < 2; i++) {
		close(connection->ends[i].source.fd);
		connection->ends[i].source.fd = -1;
	}
	connection->next = retired;
	retired = connection;
}

static struct connection *connection_of(struct end *end)
{
	return (struct connection *)(end->other < end ? end->other : end);
}

/* Reads once; false where the connection is broken. */
static bool hear(struct end *end)
{
	if (end->ended || end->length > 0)
		return true;
	ssize_t length = recv(end->source.fd, end->said, BUFFER, 0);
	if (length < 0)
		return errno == EAGAIN || errno == EINTR;
	end->start = 0;
	end->length = (size_t)length;
	end->ended = length == 0;
	return true;
}

/* Gives the other end what this one has said; false where the connection is broken. */
static bool pass_on(struct end *end)
{
	while (end->length > 0) {
		ssize_t sent = send(end->other->source.fd, end->said + end->start, end->length, MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EAGAIN || errno == EINTR;
		end->start += (size_t)sent;
		end->length -= (size_t)sent;
	}
	if (end->ended && !end->told) {
		end->told = true;
		return shutdown(end->other->source.fd, SHUT_WR) == 0;
	}
	return true;
}

static void end_ready(struct source *source, uint32_t events)
{
	struct end *end = (struct end *)source;
	struct end *other = end->other;

	if (source->fd < 0)
		return;
	bool whole = true;
	if (events & (EPOLLIN | EPOLLHUP))
		whole = hear(end);
	if (events & EPOLLERR)
		whole = false;
	if (!whole || !pass_on(end) || !pass_on(other) || (end->told && other->told)) {
		retire(connection_of(end));
		return;
	}
	watch(end);
	watch(other);
}

static void start(int client, int server)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	int on = 1;

	if (!connection) {
		close(client);
		close(server);
		return;
	}
	for (int i = 0; i < 2; i++) {
		struct end *end = &connection->ends[i];

		end->source = (struct source){ .ready = end_ready, .fd = i == 0 ? client : server };
		end->other = &connection->ends[1 - i];
		setsockopt(end->source.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		end->watched = EPOLLIN;
		source_watch(&end->source, EPOLL_CTL_ADD, EPOLLIN);
	}
}

static int spare = -1; /* a descriptor to give up for a moment */

static void keep_spare(void)
{
	if (spare < 0)
		spare = open("/dev/null", O_PATH | O_CLOEXEC);
}

/* Whom there is no descriptor for would wake this process until there is one (accept(2), EMFILE): he is hung up on. */
static bool turn_away(int fd)
{
	if (spare < 0)
		return false;
	close(spare);
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (client >= 0)
		close(client);
	spare = -1;
	keep_spare();
	return client >= 0;
}

static void accept_ready(struct source *source, uint32_t events)
{
	struct listener *listener = (struct listener *)source;

	(void)events;
	keep_spare();
	for (;;) {
		int client = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (client < 0) {
			if ((errno == EMFILE || errno == ENFILE) && turn_away(source->fd))
				continue;
			return;
		}
		int server = target_connect(listener->port, SOCK_STREAM);

		if (server >= 0)
			start(client, server);
		else
			close(client);
	}
}

void tcp_serve(int fd, unsigned port)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int on = 1;

	/* What is left of closed connections does not keep the port from the next run of the container (socket(7)). */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!listener || listen(fd, BACKLOG) < 0)
		_exit(1);
	*listener = (struct listener){ .source = { .ready = accept_ready, .fd = fd }, .port = port };
	source_watch(&listener->source, EPOLL_CTL_ADD, EPOLLIN);
}
