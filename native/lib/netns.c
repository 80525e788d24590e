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
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int route_socket(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd >= 0 ? fd : -errno;
}

/* netdevice(7): the loopback interface is all that a new namespace has, and it is down. */
static int loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	int result = ioctl(fd, SIOCSIFFLAGS, &request) == 0 ? 0 : -errno;
	close(fd);
	return result;
}

/* A namespace that is being made. */
struct task {
	pthread_t thread;
	int netns; /* out */
	int route; /* out: its rtnetlink socket, or -errno of what failed */
	const char *call; /* out: the last one made */
};

static int make(struct task *task)
{
	task->call = "unshare";
	if (unshare(CLONE_NEWNET) != 0)
		return -errno;
	task->call = "open";
	task->netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (task->netns < 0)
		return -errno;
	task->call = "ioctl";
	int result = loopback_up();
	if (result == 0) {
		task->call = "socket";
		result = route_socket();
	}
	if (result < 0)
		close(task->netns);
	return result;
}

static void *run(void *argument)
{
	struct task *task = argument;

	task->route = make(task);
	return NULL;
}

/* Begins to make a network namespace, whose loopback interface will be up. Returns what tsrun_netns_end() takes, or NULL. */
void *tsrun_netns_begin(void)
{
	struct task *task = calloc(1, sizeof(*task));
	sigset_t all, before;

	if (task == NULL)
		return NULL;
	/* Signals are for the threads of the embedding program. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	int error = pthread_create(&task->thread, NULL, run, task);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		return task;
	free(task);
	return NULL;
}

/* Waits for it: fds[0] refers to it, fds[1] is a NETLINK_ROUTE socket in it. 0, or -errno of *call. */
int tsrun_netns_end(void *begun, int fds[2], const char **call)
{
	struct task *task = begun;

	pthread_join(task->thread, NULL);
	int route = task->route;
	fds[0] = task->netns;
	fds[1] = route;
	*call = task->call;
	free(task);
	return route < 0 ? route : 0;
}

struct visit {
	int enter;
	int route; /* out, as above */
};

static void *visit_namespace(void *argument)
{
	struct visit *visit = argument;

	visit->route = setns(visit->enter, CLONE_NEWNET) == 0 ? route_socket() : -errno;
	return NULL;
}

/* A NETLINK_ROUTE socket in the namespace that nsfd refers to, or -errno. */
int tsrun_netns_socket(int nsfd)
{
	struct visit visit = { .enter = nsfd };
	pthread_t thread;
	int error = pthread_create(&thread, NULL, visit_namespace, &visit);

	if (error != 0)
		return -error;
	pthread_join(thread, NULL);
	return visit.route;
}
