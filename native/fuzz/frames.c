/*
 * Two clients of a monitor, the launcher and one that attached, who say anything in any pieces, while the process
 * writes: what comes back to them is frames, and no descriptor stays.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "fuzz.h"

#define main monitor_main
#include "../monitor/main.c"
#undef main

#include "streams.h"

enum act { LAUNCHER, LAUNCHER_TOO, OTHER, LAUNCHER_WITH_DESCRIPTORS, OTHER_WITH_DESCRIPTORS, OUTPUT, READ_STDIN, READ_FRAMES };

/* What a client has received. */
struct reader {
	int fd;
	struct frame_header header;
	size_t got, left; /* of the header; of the payload */
};

static struct reader readers[2];
static int stdin_pipe[2], output_pipe[2], channel_pair[2];

static void take(struct reader *reader, const char *data, size_t length)
{
	for (; length > 0; data++, length--) {
		if (reader->left > 0) {
			reader->left--;
			continue;
		}
		((char *)&reader->header)[reader->got++] = *data;
		if (reader->got < sizeof(reader->header))
			continue;
		REQUIRE(reader->header.type >= FRAME_STDOUT && reader->header.type <= FRAME_CREDIT);
		REQUIRE(reader->header.length <= FRAME_MAX);
		reader->left = reader->header.length;
		reader->got = 0;
	}
}

static void read_frames(struct reader *reader)
{
	static char data[1 << 16];
	ssize_t got;

	while ((got = recv(reader->fd, data, sizeof(data), MSG_DONTWAIT)) > 0)
		take(reader, data, (size_t)got);
}

static void open_all(uint8_t how)
{
	REQUIRE(pipe2(stdin_pipe, O_NONBLOCK) == 0 && pipe2(output_pipe, O_NONBLOCK) == 0);
	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, channel_pair) == 0);
	streams = (struct streams){ .input = how & 1 ? stdin_pipe[1] : -1, .output = { output_pipe[0], -1 } };
	if (!(how & 1))
		close(stdin_pipe[1]);
	monitor.channel = how & 2 ? channel_pair[0] : -1;
	if (!(how & 2))
		close(channel_pair[0]);
	memset(&monitor.options, 0, sizeof(monitor.options));
	monitor.options.stdin_once = how & 4;
	monitor.options.terminal = how & 8;
	for (int i = 0; i < 2; i++) {
		int pair[2];

		REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
		clients_add(pair[0], i == 0);
		readers[i] = (struct reader){ .fd = pair[1] };
	}
}

static void close_all(void)
{
	for (int i = 0; i < 2; i++) {
		read_frames(&readers[i]);
		close(readers[i].fd);
	}
	clients_close(false);
	close_fd(&monitor.channel);
	close(channel_pair[1]);
	close_fd(&streams.input);
	close(stdin_pipe[0]);
	close(output_pipe[1]);
	close_fd(&streams.output[0]);
	for (size_t i = 0; i < monitor.options.unlink.count; i++)
		free((char *)monitor.options.unlink.paths[i]);
	free(monitor.options.unlink.paths);
}

static void send_to_monitor(int fd, const char *data, size_t length, int descriptors)
{
	union {
		char space[CMSG_SPACE(3 * sizeof(int))];
		struct cmsghdr header;
	} control = { .header = { .cmsg_len = CMSG_LEN((size_t)descriptors * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct iovec vector = { .iov_base = (char *)data, .iov_len = length };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };

	if (descriptors > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE((size_t)descriptors * sizeof(int));
		for (int i = 0; i < descriptors; i++)
			memcpy(CMSG_DATA(&control.header) + (size_t)i * sizeof(int), &stdin_pipe[0], sizeof(int));
	}
	sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void act(struct input *input)
{
	static char data[1 << 16];
	uint8_t what = input_byte(input);
	size_t length = (size_t)input_byte(input) << (what >> 3 & 7), real = input_bytes(input, data, length);

	memset(data + real, 0, length - real);
	switch (what & 7) {
	case LAUNCHER:
	case LAUNCHER_TOO:
		send_to_monitor(readers[0].fd, data, length, 0);
		break;
	case OTHER:
		send_to_monitor(readers[1].fd, data, length, 0);
		break;
	case LAUNCHER_WITH_DESCRIPTORS:
	case OTHER_WITH_DESCRIPTORS:
		send_to_monitor(readers[what & 1].fd, data, length, 1 + (what >> 6) % 3);
		break;
	case OUTPUT:
		if (write(output_pipe[1], data, length) < 0)
			return;
		break;
	case READ_STDIN:
		if (read(stdin_pipe[0], data, sizeof(data)) < 0)
			return;
		break;
	case READ_FRAMES:
		read_frames(&readers[0]);
		read_frames(&readers[1]);
		break;
	}
	service_round(0);
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
	static bool begun;

	if (!begun) {
		signal(SIGPIPE, SIG_IGN);
		clients_init();
		begun = true;
	}
	int before = lowest_free_descriptor();
	open_all(input_byte(&input));
	while (input.left > 0)
		act(&input);
	for (int i = 0; i < 4; i++)
		service_round(0);
	close_all();
	REQUIRE(lowest_free_descriptor() == before);
	return 0;
}
