/* What the child that executes the Plan tells the monitor: any message, with any descriptors, none of which stays. */
#include <stdlib.h>
#include <sys/socket.h>

#include "fuzz.h"

#define main monitor_main
#include "../monitor/main.c"
#undef main

#include "channel.h"

static void send_message(int fd, struct input *input)
{
	uint8_t how = input_byte(input);
	size_t descriptors = how & 3;
	char text[64];
	union {
		char space[CMSG_SPACE(3 * sizeof(int))];
		struct cmsghdr header;
	} control = { .header = { .cmsg_len = CMSG_LEN(descriptors * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct iovec vector = { .iov_base = text };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };

	vector.iov_len = input_bytes(input, text, how & 4 ? sizeof(struct channel_message) : how >> 2);
	if (descriptors > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
		memset(CMSG_DATA(&control.header), 0, descriptors * sizeof(int)); /* stdin, as often as that */
	}
	sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int lowest_free_descriptor(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, size };
	int pair[2], before = lowest_free_descriptor();

	clients_init();
	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	monitor.channel = pair[0];
	streams.input = streams.output[0] = streams.output[1] = -1;
	while (input.left > 0 && monitor.channel >= 0) {
		send_message(pair[1], &input);
		child_hear();
		streams.output[0] = -1;
		close_fd(&streams.input);
	}
	close(pair[1]);
	if (monitor.channel >= 0)
		child_hear();
	REQUIRE(monitor.channel == -1);
	REQUIRE(lowest_free_descriptor() == before);
	return 0;
}
