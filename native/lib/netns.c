/*
 * Network namespaces without moving the caller: unshare(2) and setns(2) change the calling thread only, and Node's
 * main thread must stay where it is. So a short-lived thread goes into the namespace, opens what is wanted there and
 * ends; the descriptors it leaves behind belong to the namespace for good.
 *
 * Nothing is pinned to a path. The namespace lives as long as a process runs in it or a descriptor refers to it,
 * and takes its links with it when it goes: a killed tsrun leaves none behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

struct visit {
	int enter; /* namespace to enter, or -1 to make one */
	int netns; /* out: descriptor of the namespace made */
	int route; /* out: its rtnetlink socket, or -errno of what failed */
};

static int route_socket(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd >= 0 ? fd : -errno;
}

static void *visit_namespace(void *argument)
{
	struct visit *visit = argument;

	if (visit->enter >= 0) {
		visit->route = setns(visit->enter, CLONE_NEWNET) == 0 ? route_socket() : -errno;
		return NULL;
	}
	if (unshare(CLONE_NEWNET) != 0) {
		visit->route = -errno;
		return NULL;
	}
	visit->netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (visit->netns < 0) {
		visit->route = -errno;
		return NULL;
	}
	visit->route = route_socket();
	if (visit->route < 0)
		close(visit->netns);
	return NULL;
}

static int run_in_thread(struct visit *visit)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, visit_namespace, visit);

	if (error != 0)
		return -error;
	pthread_join(thread, NULL);
	return visit->route < 0 ? visit->route : 0;
}

/* Makes a network namespace: fds[0] refers to it, fds[1] is a NETLINK_ROUTE socket in it. 0, or -errno. */
int tsrun_netns_create(int fds[2])
{
	struct visit visit = { .enter = -1, .netns = -1, .route = -1 };
	int result = run_in_thread(&visit);

	if (result == 0) {
		fds[0] = visit.netns;
		fds[1] = visit.route;
	}
	return result;
}

/* A NETLINK_ROUTE socket in the namespace that nsfd refers to, or -errno. */
int tsrun_netns_socket(int nsfd)
{
	struct visit visit = { .enter = nsfd, .netns = -1, .route = -1 };
	int result = run_in_thread(&visit);

	return result == 0 ? visit.route : result;
}
