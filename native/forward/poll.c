#include <sys/epoll.h>

#include "forward.h"

#define EVENTS 64
#define EXPIRE_EVERY 10000 /* milliseconds */

static int poller = -1;

void source_watch(struct source *source, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (poller < 0)
		poller = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(poller, operation, source->fd, &event);
}

_Noreturn void serve(void)
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
