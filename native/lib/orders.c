/* The launcher's side of include/orders.h. */
#include "../include/orders.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

static ssize_t send_some(int socket, const char *data, size_t length, const int *fds, int count)
{
	union {
		char space[CMSG_SPACE(ORDERS_BATCH * sizeof(int))];
		struct cmsghdr header;
	} control = { .header = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct iovec vector = { .iov_base = (char *)data, .iov_len = length };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
	ssize_t sent;

	if (count > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
		control.header.cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, (size_t)count * sizeof(int));
	}
	do
		sent = sendmsg(socket, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

/* Sends the orders, which begin with their header, and the descriptors, which stay the caller's. Returns 0 or -errno. */
int tsrun_send_orders(int socket, const char *orders, int size, const int *fds, int count)
{
	int done = 0;

	/* A byte of the header for each batch of descriptors but the last; there are fewer of these than of those. */
	for (; count > ORDERS_BATCH; count -= ORDERS_BATCH, fds += ORDERS_BATCH) {
		ssize_t sent = send_some(socket, orders + done, 1, fds, ORDERS_BATCH);

		if (sent < 0)
			return (int)sent;
		done += (int)sent;
	}
	while (done < size) {
		ssize_t sent = send_some(socket, orders + done, (size_t)(size - done), fds, count);

		if (sent < 0)
			return (int)sent;
		done += (int)sent;
		count = 0;
	}
	return 0;
}
