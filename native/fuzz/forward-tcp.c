/*
 * Connections to published ports, whose clients and servers say anything, stop reading, hang up and break off in any
 * order: what one says arrives at the other, whole and before its end; who is done on both sides is let go; and nothing
 * is waited for that is always true.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../forward/forward.h"
#include "fuzz.h"

#define FIRST_FD 100
#define MOST 128      /* descriptors of one input */
#define AT_ONCE 12    /* descriptors that there may be */
#define LISTENER 99
#define PATIENCE 4096 /* rounds after which everything has been said that there was */

/* A socket and whoever is at its other side; bytes count up, so that one that is lost, doubled or made up is seen. */
struct peer {
	struct source *source; /* NULL: not waited for */
	uint32_t events;
	uint8_t heard, told;   /* the next byte from the peer, and to it */
	bool is_open, hung, ended, shut; /* the peer says no more; that has been heard; we say no more */
};

static struct peer peers[MOST];
static struct source *listener;
static int used, at_once, arrivals;
static struct input input;
static bool closing; /* everybody says his end, and reads */

static struct peer *peer(int fd)
{
	REQUIRE(fd >= FIRST_FD && fd < FIRST_FD + used && peers[fd - FIRST_FD].is_open);
	return &peers[fd - FIRST_FD];
}

static int fail(int error)
{
	errno = error;
	return -1;
}

static int open_peer(void)
{
	if (used == MOST || at_once == AT_ONCE)
		return fail(EMFILE);
	at_once++;
	peers[used] = (struct peer){ .is_open = true };
	return FIRST_FD + used++;
}

static int fake_accept(void)
{
	if (arrivals == 0)
		return fail(EAGAIN);
	int fd = open_peer();
	arrivals -= fd >= 0;
	return fd;
}

int target_connect(unsigned port, int type)
{
	REQUIRE(port == 3 && type == SOCK_STREAM);
	return input_byte(&input) == 0xff ? fail(ECONNREFUSED) : open_peer();
}

static ssize_t fake_recv(int fd, char *to, size_t size)
{
	struct peer *from = peer(fd);
	size_t length = (size_t)input_byte(&input) * 300;

	REQUIRE(!from->ended); /* what has been told is not asked again */
	if (closing || (length == 0 && input_byte(&input) & 1)) {
		from->ended = true;
		return 0;
	}
	if (length == 0 && from->hung) {
		from->ended = true;
		return 0;
	}
	if (length == 0)
		return fail(input_byte(&input) & 1 ? EAGAIN : ECONNRESET);
	if (length > size)
		length = size;
	for (size_t i = 0; i < length; i++)
		to[i] = (char)from->heard++;
	return (ssize_t)length;
}

static ssize_t fake_send(int fd, const char *from, size_t length)
{
	struct peer *to = peer(fd);
	size_t taken = closing ? length : (size_t)input_byte(&input) * 300;

	REQUIRE(!to->shut && length > 0);
	if (taken == 0)
		return fail(input_byte(&input) & 1 ? EAGAIN : EPIPE);
	if (taken > length)
		taken = length;
	for (size_t i = 0; i < taken; i++)
		REQUIRE((uint8_t)from[i] == to->told++);
	return (ssize_t)taken;
}

static int fake_shutdown(int fd)
{
	REQUIRE(!peer(fd)->shut);
	peer(fd)->shut = true;
	return !closing && input_byte(&input) == 0xff ? fail(ENOTCONN) : 0;
}

static int fake_close(int fd)
{
	struct peer *gone = peer(fd);

	gone->is_open = false;
	at_once--;
	gone->source = NULL; /* epoll(7): with the descriptor */
	return 0;
}

void source_watch(struct source *source, int operation, uint32_t events)
{
	if (source->fd == LISTENER) {
		listener = source;
		return;
	}
	struct peer *one = peer(source->fd);
	REQUIRE((operation == EPOLL_CTL_ADD) == (one->source == NULL));
	one->source = operation == EPOLL_CTL_DEL ? NULL : source;
	one->events = events;
}

/* As calloc(3), but for the buffers, which take all the time otherwise. */
static void *make_zeroed(size_t count, size_t size);

#define calloc(count, size) make_zeroed(count, size)
#define open(...) open_peer()
#define accept4(...) fake_accept()
#define recv(fd, to, size, flags) fake_recv(fd, to, size)
#define send(fd, from, length, flags) fake_send(fd, from, length)
#define shutdown(fd, how) fake_shutdown(fd)
#define close(fd) fake_close(fd)
#define setsockopt(fd, level, name, value, size) ((void)(value))
#define listen(...) 0

#include "../forward/tcp.c"

#undef calloc

static void *make_zeroed(size_t count, size_t size)
{
	if (size != sizeof(struct connection))
		return calloc(count, size);
	struct connection *connection = malloc(size);
	for (int i = 0; connection && i < 2; i++)
		memset(&connection->ends[i], 0, offsetof(struct end, said));
	return connection;
}


/* What epoll(7) may tell of it now; EPOLLHUP whether that is waited for or not. */
static uint32_t possible(const struct peer *one)
{
	uint32_t events = (one->ended ? 0 : EPOLLIN) | EPOLLOUT;

	return one->source == NULL ? 0 : (events & one->events) | ((one->ended || one->hung) && one->shut ? EPOLLHUP : 0);
}

static void act(void)
{
	uint8_t which = input_byte(&input), how = input_byte(&input);

	if (which >= MOST) {
		arrivals = how % 8;
		listener->ready(listener, EPOLLIN);
		REQUIRE(arrivals == 0 || used == MOST);
		return;
	}
	if (which < used && how & 0x20)
		peers[which].hung = true; /* what it has said before may still be unheard */
	/* Two events of a round, of which the first may end the second's connection. */
	struct source *found[2] = { which < used ? peers[which].source : NULL, how & 0x40 && (which ^ 1) < used ? peers[which ^ 1].source : NULL };
	uint32_t events[2] = { found[0] ? possible(&peers[which]) : 0, found[1] ? possible(&peers[which ^ 1]) : 0 };
	for (int i = 0; i < 2; i++) {
		uint32_t told = events[i] & (how & 1 ? EPOLLIN | EPOLLHUP : how & 2 ? EPOLLOUT : ~0u);

		if (how & 0x80 && found[i])
			told |= EPOLLERR;
		if (told)
			found[i]->ready(found[i], told);
		/* What epoll(7) tells where nothing is to be read it tells for ever. */
		const struct peer *one = &peers[i ? which ^ 1 : which];
		REQUIRE(!told || !(possible(one) & EPOLLHUP) || one->events & EPOLLIN);
	}
}

/* Everybody is told what there is to tell, until there is nothing any more. */
static void finish(void)
{
	bool again = true;

	closing = true;
	for (int rounds = 0; again; rounds++) {
		REQUIRE(rounds < PATIENCE);
		again = false;
		for (int i = 0; i < used; i++) {
			uint32_t events = possible(&peers[i]);

			if (!events)
				continue;
			again = true;
			peers[i].source->ready(peers[i].source, events);
		}
		tcp_free();
	}
	for (int i = 0; i < used; i++)
		REQUIRE(!peers[i].is_open || FIRST_FD + i == spare);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = (struct input){ data, size };
	used = at_once = 0;
	spare = -1;
	closing = false;
	tcp_serve(LISTENER, 3);
	while (input.left > 0) {
		act();
		tcp_free();
	}
	finish();
	free(listener);
	return 0;
}
