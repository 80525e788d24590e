#include "ports.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAM_MAX 512  /* one element of a map, or a question */
#define LISTING_MAX 16384 /* the kernel makes the parts of its answer no larger than this */

static int open_netfilter(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
}

/* Sends each flow of a part of a listing back as one to be deleted; false at the listing's end. */
static bool delete_flows(int netlink, char *part, ssize_t length)
{
	struct nlmsghdr *message = (struct nlmsghdr *)part;

	for (; NLMSG_OK(message, length); message = NLMSG_NEXT(message, length)) {
		if (message->nlmsg_type == NLMSG_DONE)
			return false;
		if (message->nlmsg_type == NLMSG_ERROR)
			continue; /* what an earlier message was to remove is gone already */
		message->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
		message->nlmsg_flags = NLM_F_REQUEST;
		send(netlink, message, message->nlmsg_len, 0);
	}
	return true;
}

static void forget_flows(int netlink, const char *question, size_t size)
{
	_Alignas(struct nlmsghdr) char part[LISTING_MAX];
	ssize_t length;

	if (send(netlink, question, size, 0) < 0)
		return;
	/* The kernel has the next part ready whenever one has been read: there is nothing to wait for. */
	while ((length = recv(netlink, part, sizeof(part), MSG_DONTWAIT)) > 0 && delete_flows(netlink, part, length))
		continue;
}

static void send_all(int file, int netlink)
{
	_Alignas(struct nlmsghdr) char datagram[DATAGRAM_MAX];
	uint32_t length;

	/* The kernel carries a datagram out before send(2) returns. What it refuses is gone already. */
	while (netlink >= 0 && read(file, &length, sizeof(length)) == sizeof(length) && length <= sizeof(datagram) &&
	       read(file, datagram, length) == (ssize_t)length) {
		bool is_question =
			length >= sizeof(struct nlmsghdr) && (((struct nlmsghdr *)datagram)->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;

		if (is_question)
			forget_flows(netlink, datagram, length);
		else
			send(netlink, datagram, length, 0);
	}
	if (netlink >= 0)
		close(netlink);
}

void ports_release(struct ports_options *options)
{
	if (options->farewell == 0)
		return;
	lseek(options->farewell, 0, SEEK_SET);
	send_all(options->farewell, options->netlink ? options->netlink : open_netfilter());
	for (int fd = options->farewell; fd <= options->farewell + options->held; fd++)
		close(fd);
	options->farewell = 0;
}
