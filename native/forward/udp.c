/*
 * Datagrams: for each client, and each address that it sends to, a socket that is connected to the container, by which
 * answers find their way back, from that very address. A client that is silent for a while is forgotten.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "forward.h"

#define SILENCE 90 /* seconds */
#define DATAGRAM (64 << 10)
#define AT_ONCE 64

struct port {
	struct source source;
	unsigned number;
};

/* What says where a client has sent to, ip(7) IP_PKTINFO, for where an answer is to come from; zeros otherwise. */
struct destination {
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	size_t length;
};

struct session {
	struct source source;
	struct port *port; /* NULL: free */
	struct sockaddr_storage client;
	socklen_t client_length;
	struct destination destination;
	time_t heard;
	uint64_t turn; /* when it was heard last, in the order of datagrams */
};

static struct session sessions[SESSIONS];
static char datagram[DATAGRAM];

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static void note(struct session *session)
{
	static uint64_t turns;

	session->heard = now();
	session->turn = ++turns;
}

static void forget(struct session *session)
{
	if (session->port)
		close(session->source.fd);
	session->port = NULL;
	session->source.fd = -1;
}

void udp_expire(void)
{
	static time_t looked;
	time_t time = now();

	if (time == looked)
		return;
	looked = time;
	for (struct session *session = sessions; session < sessions + SESSIONS; session++)
		if (session->port && time - session->heard > SILENCE)
			forget(session);
}

static void answer_ready(struct source *source, uint32_t events)
{
	struct session *session = (struct session *)source;

	(void)events;
	for (int i = 0; i < AT_ONCE && session->port; i++) {
		ssize_t length = recv(source->fd, datagram, sizeof(datagram), 0);
		if (length < 0)
			return; /* also where nobody listens in the container: ICMP's answer is as good as none */
		struct iovec data = { .iov_base = datagram, .iov_len = (size_t)length };
		struct msghdr message = { .msg_name = &session->client, .msg_namelen = session->client_length,
					  .msg_iov = &data, .msg_iovlen = 1, .msg_control = session->destination.control,
					  .msg_controllen = session->destination.length };

		sendmsg(session->port->source.fd, &message, MSG_NOSIGNAL);
		note(session);
	}
}

static void put(struct destination *destination, int level, int type, const void *info, size_t size)
{
	struct msghdr answer = { .msg_control = destination->control, .msg_controllen = sizeof(destination->control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&answer);

	*header = (struct cmsghdr){ CMSG_LEN(size), level, type };
	memcpy(CMSG_DATA(header), info, size);
	destination->length = CMSG_SPACE(size);
}

/* Keeps what of the packet's information is right for an answer: its source is where the packet went. */
static struct destination destination_of(struct msghdr *message)
{
	struct destination destination = { 0 };

	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(header), sizeof(info));
			info = (struct in_pktinfo){ .ipi_spec_dst = info.ipi_spec_dst };
			put(&destination, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
		}
		if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO)
			put(&destination, IPPROTO_IPV6, IPV6_PKTINFO, CMSG_DATA(header), sizeof(struct in6_pktinfo));
	}
	return destination;
}

static bool is_of(const struct session *session, const struct msghdr *message, const struct destination *destination)
{
	return session->client_length == message->msg_namelen &&
	       memcmp(&session->client, message->msg_name, message->msg_namelen) == 0 &&
	       session->destination.length == destination->length &&
	       memcmp(session->destination.control, destination->control, destination->length) == 0;
}

static struct session *find(struct port *port, struct msghdr *message)
{
	struct destination destination = destination_of(message);
	struct session *oldest = sessions;

	for (struct session *session = sessions; session < sessions + SESSIONS; session++) {
		if (session->port == port && is_of(session, message, &destination))
			return session;
		if (!session->port || (oldest->port && session->turn < oldest->turn))
			oldest = session;
	}
	forget(oldest);
	int fd = target_connect(port->number, SOCK_DGRAM);
	if (fd < 0)
		return NULL;
	oldest->source = (struct source){ .ready = answer_ready, .fd = fd };
	oldest->port = port;
	memcpy(&oldest->client, message->msg_name, message->msg_namelen);
	oldest->client_length = message->msg_namelen;
	oldest->destination = destination;
	source_watch(&oldest->source, EPOLL_CTL_ADD, EPOLLIN);
	return oldest;
}

static void port_ready(struct source *source, uint32_t events)
{
	struct port *port = (struct port *)source;

	(void)events;
	for (int i = 0; i < AT_ONCE; i++) {
		struct sockaddr_storage client;
		union {
			char bytes[256];
			struct cmsghdr align;
		} control;
		struct iovec data = { .iov_base = datagram, .iov_len = sizeof(datagram) };
		struct msghdr message = { .msg_name = &client, .msg_namelen = sizeof(client), .msg_iov = &data, .msg_iovlen = 1,
					  .msg_control = control.bytes, .msg_controllen = sizeof(control) };

		memset(&client, 0, sizeof(client)); /* it is compared with others as bytes */
		ssize_t length = recvmsg(source->fd, &message, 0);
		if (length < 0)
			return;
		struct session *session = find(port, &message);
		if (!session)
			continue;
		note(session);
		send(session->source.fd, datagram, (size_t)length, MSG_NOSIGNAL);
	}
}

void udp_serve(int fd, unsigned number)
{
	struct port *port = calloc(1, sizeof(*port));
	int on = 1;

	if (!port)
		_exit(1);
	/* Of the two the one that is not the socket's family's is refused. */
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	*port = (struct port){ .source = { .ready = port_ready, .fd = fd }, .number = number };
	source_watch(&port->source, EPOLL_CTL_ADD, EPOLLIN);
}
