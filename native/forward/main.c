#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "forward.h"

static void life_ends(struct source *source, uint32_t events)
{
	(void)source;
	(void)events;
	_exit(0);
}

int main(int argc, char **argv)
{
	static struct source life = { .ready = life_ends, .fd = LIFE_FD };

	if (argc < 3)
		return 2;
	target_file = argv[1];
	signal(SIGPIPE, SIG_IGN);
	setsid();
	prctl(PR_SET_NAME, "tsrun-forward"); /* it was executed by way of a descriptor, whose number would be its name */
	/* Sockets belong to the namespace in which they were made: those of the host are open already. */
	if (setns(NETNS_FD, CLONE_NEWNET) < 0)
		return 1;
	close(NETNS_FD);
	source_watch(&life, EPOLL_CTL_ADD, 0); /* EPOLLHUP is always told */
	for (int i = 2; i < argc; i++) {
		int fd = FIRST_SOCKET + i - 2;

		fcntl(fd, F_SETFL, O_NONBLOCK);
		if (strcmp(argv[i], "tcp") == 0)
			tcp_serve(fd, (unsigned)(i - 2));
		else
			udp_serve(fd, (unsigned)(i - 2));
	}
	serve();
}
