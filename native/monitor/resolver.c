#include "resolver.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "monitor.h"
#include "signals.h"

#define FIRST_DELAY 10  /* milliseconds to the next attempt, doubled each time … */
#define LAST_DELAY 5000
#define STEADY 1000     /* … until a connection has lasted so long */

enum { LOCK_FD = 3, LISTENER_FD = 4 }; /* what the resolver inherits */

static const struct resolver_options *options; /* NULL: nothing is to be done */
static const char *container;
static int sockets[2] = { -1, -1 };
static int directory = -1, connection = -1;
static long long due, connected; /* clock_milliseconds() */
static int delay;

/* sun_path holds 108 bytes, whatever the directory's name is: it is named by its descriptor. */
static struct sockaddr_un socket_address(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/resolver.sock", directory);
	return address;
}

static int open_socket(int flags)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
}

/* Whoever may connect may lend sockets, and be answered: the owner alone. Returns a listening socket or -1. */
static int open_listener(void)
{
	struct sockaddr_un address = socket_address();
	int listener = open_socket(0);

	if (listener < 0)
		return -1;
	unlinkat(directory, "resolver.sock", 0);
	mode_t mask = umask(0177);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, SOMAXCONN) < 0)
		close_fd(&listener);
	umask(mask);
	return listener;
}

static _Noreturn void become_resolver(int lock, int listener)
{
	/* Neither descriptor may be overwritten by the other's copy. */
	lock = fcntl(lock, F_DUPFD, LISTENER_FD + 1);
	listener = fcntl(listener, F_DUPFD, LISTENER_FD + 1);
	if (lock >= 0 && listener >= 0 && dup2(lock, LOCK_FD) >= 0 && dup2(listener, LISTENER_FD) >= 0 &&
	    close_range(LISTENER_FD + 1, ~0U, 0) == 0 && chdir("/") == 0) {
		setsid();
		umask(022);
		signals_set(SIG_DFL);
		execv(options->command[0], options->command);
	}
	_exit(127);
}

/*
 * Starts the resolver if nobody else is at it or has done so: the lock is an open file description (flock(2)) that the
 * resolver keeps until it ends, however that comes about. It is nobody's child, because it is to outlive this monitor.
 * One thread has no use for what fork(3) does beyond _Fork(3), and would pay for it with memory.
 */
static void start_resolver(void)
{
	int listener = -1;
	int lock = openat(directory, "resolver.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (lock < 0)
		return;
	if (flock(lock, LOCK_EX | LOCK_NB) == 0 && (listener = open_listener()) >= 0) {
		pid_t child = _Fork();

		if (child == 0) {
			if (_Fork() == 0)
				become_resolver(lock, listener);
			_exit(0);
		}
		while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	close_fd(&listener);
	close_fd(&lock);
}

static bool lend(int fd)
{
	union {
		char space[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr header;
	} control = { .header = { .cmsg_len = CMSG_LEN(2 * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct iovec data = { .iov_base = (char *)container, .iov_len = strlen(container) };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };

	memcpy(CMSG_DATA(&control.header), sockets, sizeof(sockets));
	return sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)data.iov_len;
}

/* A full backlog is an error too (EAGAIN), and the next attempt comes soon. */
static bool connect_resolver(void)
{
	struct sockaddr_un address = socket_address();

	connection = open_socket(SOCK_NONBLOCK);
	if (connection >= 0 && connect(connection, (struct sockaddr *)&address, sizeof(address)) == 0 && lend(connection))
		return true;
	close_fd(&connection);
	return false;
}

static void try_again(void)
{
	due = clock_milliseconds() + delay;
	delay = delay * 2 < LAST_DELAY ? delay * 2 : LAST_DELAY;
}

static void attempt(void)
{
	due = -1;
	if (directory < 0)
		directory = open(options->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory >= 0 && !connect_resolver()) {
		start_resolver();
		connect_resolver();
	}
	connected = clock_milliseconds();
	if (connection < 0)
		try_again();
}

void resolver_start(const struct resolver_options *given, const char *id)
{
	if (given->directory == NULL)
		return;
	options = given;
	container = id;
	if (given->sockets)
		resolver_take((int[2]){ given->sockets, given->sockets + 1 });
}

void resolver_take(const int taken[2])
{
	if (options == NULL || sockets[0] >= 0) {
		close(taken[0]);
		close(taken[1]);
		return;
	}
	memcpy(sockets, taken, sizeof(sockets));
	delay = FIRST_DELAY;
	attempt();
}

int resolver_timeout(int timeout)
{
	if (sockets[0] < 0 || due < 0)
		return timeout;
	long long left = due - clock_milliseconds();
	int mine = left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
	return timeout >= 0 && timeout < mine ? timeout : mine;
}

void resolver_watch(struct pollfd *watch)
{
	*watch = (struct pollfd){ .fd = connection, .events = POLLIN };
}

void resolver_serve(const struct pollfd *watch)
{
	if (sockets[0] < 0)
		return;
	if (watch->revents != 0 && watch->fd == connection && connection >= 0) {
		/* The resolver never writes: it is gone. */
		close_fd(&connection);
		if (clock_milliseconds() - connected >= STEADY)
			delay = FIRST_DELAY;
		try_again();
	}
	if (due >= 0 && clock_milliseconds() >= due)
		attempt();
}

void resolver_stop(void)
{
	close_fd(&sockets[0]);
	close_fd(&sockets[1]);
	close_fd(&connection);
	close_fd(&directory);
	options = NULL;
}
