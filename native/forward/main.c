#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "forward.h"

#define EVENTS 64
#define EXPIRE_EVERY 10000 /* milliseconds */

static int poller;

void source_watch(struct source *source, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	epoll_ctl(poller, operation, source->fd, &event);
}

static void life_ends(struct source *source, uint32_t events)
{
	(void)source;
	(void)events;
	_exit(0);
}

static _Noreturn void serve(void)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int count = epoll_wait(poller, events, EVENTS, EXPIRE_EVERY);

		for (int i = 0; i < count; i++) {
			struct source *source = events[i].data.ptr;

			source->ready(source, events[i].events);
		}
		tcp_free();
		udp_expire();
	}
}

int main(int argc, char **argv)
{
	static struct source life = { .ready = life_ends, .fd = LIFE_FD };

	if (argc < 3)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	setsid();
	prctl(PR_SET_NAME, "tsrun-forward"); /* it was executed by way of a descriptor, whose number would be its name */
	/* Sockets belong to the namespace in which they were made: those of the host are open already. */
	if (setns(NETNS_FD, CLONE_NEWNET) < 0)
		return 1;
	close(NETNS_FD);
	poller = epoll_create1(EPOLL_CLOEXEC);
	source_watch(&life, EPOLL_CTL_ADD, 0); /* EPOLLHUP is always told */
	for (int i = 2; i < argc; i++) {
		int fd = FIRST_SOCKET + i - 2;

		fcntl(fd, F_SETFL, O_NONBLOCK);
		if (strcmp(argv[i], "tcp") == 0)
			tcp_serve(fd, (unsigned)(i - 2));
		else
			udp_serve(fd, (unsigned)(i - 2));
	}
	target_file = argv[1];
	serve();
}
