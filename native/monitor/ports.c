#include "ports.h"

#include <linux/netlink.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAM_MAX 512 /* one element of a map */

static void send_all(int file)
{
	int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	char datagram[DATAGRAM_MAX];
	uint32_t length;

	/* The kernel carries a datagram out before send(2) returns. What it refuses is gone already. */
	while (netlink >= 0 && read(file, &length, sizeof(length)) == sizeof(length) && length <= sizeof(datagram) &&
	       read(file, datagram, length) == (ssize_t)length)
		send(netlink, datagram, length, 0);
	if (netlink >= 0)
		close(netlink);
}

void ports_release(struct ports_options *options)
{
	if (options->farewell == 0)
		return;
	lseek(options->farewell, 0, SEEK_SET);
	send_all(options->farewell);
	for (int fd = options->farewell; fd <= options->farewell + options->held; fd++)
		close(fd);
	options->farewell = 0;
}
