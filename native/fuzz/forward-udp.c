/*
 * Datagrams to published ports, from many clients to many addresses, with answers from the containers at any time: an
 * answer goes to the very client whose socket it came to, from where that client has sent to, and descriptors come back.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../forward/forward.h"
#include "fuzz.h"

/* So few that a small input has more clients. */
#undef SESSIONS
#define SESSIONS 6

#define PORT_FD 10
#define PORTS 2
#define FIRST_FD 100
#define MOST 512 /* sockets of one input */

/* The socket of a session, and whom it was made for. */
struct target {
	struct source *source;
	int port;
	struct sockaddr_in6 client;
	unsigned destination; /* the client's address of the port, 0 where it was not told; an index of an interface otherwise */
	bool is_open;
};

static struct target targets[MOST];
static struct source *ports[PORTS];
static struct target *answering;
static struct sockaddr_in6 sender;
static unsigned sender_destination;
static int used, asking; /* asking: the port that a datagram came to */
static struct input input;
static time_t seconds = 1000;

static int fail(int error)
{
	errno = error;
	return -1;
}

static struct target *target(int fd)
{
	REQUIRE(fd >= FIRST_FD && fd < FIRST_FD + used && targets[fd - FIRST_FD].is_open);
	return &targets[fd - FIRST_FD];
}

int target_connect(unsigned port, int type)
{
	REQUIRE(port == (unsigned)asking && type == SOCK_DGRAM);
	if (used == MOST || input_byte(&input) == 0xff)
		return fail(EMFILE);
	targets[used] = (struct target){ .port = asking, .client = sender, .destination = sender_destination, .is_open = true };
	return FIRST_FD + used++;
}

static void put_control(struct msghdr *message, int level, int type, const void *data, size_t size)
{
	struct cmsghdr *header = message->msg_control;

	REQUIRE(CMSG_SPACE(size) <= message->msg_controllen);
	*header = (struct cmsghdr){ CMSG_LEN(size), level, type };
	memcpy(CMSG_DATA(header), data, size);
	message->msg_controllen = CMSG_SPACE(size);
}

/* A client is a number, and so is the address that it sends to. */
static ssize_t fake_recvmsg(int fd, struct msghdr *message)
{
	uint8_t who = input_byte(&input), how = input_byte(&input);

	asking = fd - PORT_FD;
	if (input.left == 0 || how & 0x80)
		return fail(EAGAIN);
	sender = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = (uint16_t)(who | (how & 0x70) << 4) };
	sender_destination = how & 3 ? 1 + (how >> 2 & 3) : 0;
	memcpy(message->msg_name, &sender, sizeof(sender));
	message->msg_namelen = sizeof(sender);
	if (how & 1) {
		struct in_pktinfo info = { .ipi_ifindex = 7, .ipi_spec_dst = { sender_destination }, .ipi_addr = { 99 } };
		put_control(message, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else if (how & 2) {
		struct in6_pktinfo info = { .ipi6_ifindex = sender_destination };
		put_control(message, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	} else {
		message->msg_controllen = 0;
	}
	return (ssize_t)(who * 257);
}

static ssize_t fake_send(int fd, size_t length)
{
	struct target *to = target(fd);

	REQUIRE(to->port == asking && memcmp(&to->client, &sender, sizeof(sender)) == 0);
	REQUIRE(to->destination == sender_destination);
	REQUIRE(length <= 1 << 16);
	return (ssize_t)length;
}

static ssize_t fake_recv(int fd, size_t size)
{
	uint8_t how = input_byte(&input);

	answering = target(fd);
	if (input.left == 0 || how & 1)
		return fail(how & 2 ? EAGAIN : ECONNREFUSED);
	return (ssize_t)(size * how / 256);
}

static ssize_t fake_sendmsg(int fd, const struct msghdr *message)
{
	unsigned from = 0;

	REQUIRE(fd - PORT_FD == answering->port);
	REQUIRE(message->msg_namelen == sizeof(sender) && memcmp(message->msg_name, &answering->client, sizeof(sender)) == 0);
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR((struct msghdr *)message, header)) {
		if (header->cmsg_level == IPPROTO_IP) {
			const struct in_pktinfo *info = (const void *)CMSG_DATA(header);
			REQUIRE(header->cmsg_len == CMSG_LEN(sizeof(*info)) && info->ipi_ifindex == 0 && info->ipi_addr.s_addr == 0);
			from = info->ipi_spec_dst.s_addr;
		} else {
			const struct in6_pktinfo *info = (const void *)CMSG_DATA(header);
			REQUIRE(header->cmsg_len == CMSG_LEN(sizeof(*info)));
			from = info->ipi6_ifindex;
		}
	}
	REQUIRE(from == answering->destination);
	return input_byte(&input) & 1 ? fail(EPERM) : 1;
}

static int fake_close(int fd)
{
	struct target *gone = target(fd);

	gone->is_open = false;
	gone->source = NULL; /* epoll(7): with the descriptor */
	return 0;
}

void source_watch(struct source *source, int operation, uint32_t events)
{
	REQUIRE(operation == EPOLL_CTL_ADD && events == EPOLLIN);
	if (source->fd < FIRST_FD)
		ports[source->fd - PORT_FD] = source;
	else
		target(source->fd)->source = source;
}

#define recvmsg(fd, message, flags) fake_recvmsg(fd, message)
#define sendmsg(fd, message, flags) ((void)fake_sendmsg(fd, message))
#define recv(fd, to, size, flags) fake_recv(fd, size)
#define send(fd, from, length, flags) ((void)fake_send(fd, length))
#define close(fd) fake_close(fd)
#define setsockopt(fd, level, name, value, size) ((void)(value))
#define clock_gettime(clock, time) ((time)->tv_sec = seconds)

#include "../forward/udp.c"

/* What a round of epoll_wait(2) found may be gone when its turn comes. */
static void act(void)
{
	uint8_t what = input_byte(&input), which = input_byte(&input);

	if (what < 0x40) {
		ports[what % PORTS]->ready(ports[what % PORTS], EPOLLIN);
	} else if (what < 0xf0) {
		struct source *found = which < used ? targets[which].source : NULL;

		if (what & 1)
			ports[what >> 1 & 1]->ready(ports[what >> 1 & 1], EPOLLIN);
		if (found)
			found->ready(found, EPOLLIN);
	} else {
		seconds += which;
	}
	udp_expire();
}

static int count_open(void)
{
	int count = 0;

	for (int i = 0; i < used; i++)
		count += targets[i].is_open;
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = (struct input){ data, size };
	used = 0;
	for (int i = 0; i < PORTS; i++)
		udp_serve(PORT_FD + i, (unsigned)i);
	while (input.left > 0) {
		act();
		REQUIRE(count_open() <= SESSIONS);
	}
	seconds += SILENCE + 1;
	udp_expire();
	REQUIRE(count_open() == 0);
	for (int i = 0; i < PORTS; i++)
		free(ports[i]);
	return 0;
}
