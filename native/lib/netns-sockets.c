/*
 * Sockets of another network namespace: a socket belongs for good to the namespace in which it was made, so a thread
 * that exists for that goes there, as in netns.c, and whoever has the descriptors binds and uses them from outside.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

struct order {
	int netns;
	const int *kinds; /* domain, type and protocol of each, socket(2) */
	int *fds;
	int count;
	int error; /* out: an errno value */
};

static void *open_sockets(void *argument)
{
	struct order *order = argument;
	int opened = 0;

	if (setns(order->netns, CLONE_NEWNET) == 0) {
		for (; opened < order->count; opened++) {
			const int *kind = &order->kinds[3 * opened];

			order->fds[opened] = socket(kind[0], kind[1] | SOCK_CLOEXEC, kind[2]);
			if (order->fds[opened] < 0)
				break;
		}
	}
	if (opened == order->count)
		return NULL;
	order->error = errno;
	while (opened-- > 0)
		close(order->fds[opened]);
	return NULL;
}

/*
 * Opens count close-on-exec sockets in the namespace that nsfd refers to: kinds has three numbers for each, fds receives
 * the descriptors. Returns 0, or -errno with none of them open.
 */
int tsrun_netns_sockets(int nsfd, const int *kinds, int *fds, int count)
{
	struct order order = { .netns = nsfd, .kinds = kinds, .fds = fds, .count = count };
	pthread_t thread;
	int error = pthread_create(&thread, NULL, open_sockets, &order);

	if (error != 0)
		return -error;
	pthread_join(thread, NULL);
	return -order.error;
}
