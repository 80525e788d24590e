/*
 * A message with descriptors, from whoever connects, of any number and kind: what comes is what was asked for, or none of it
 * stays open.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuzz.h"

#define FIRST_FD 100
#define MAX_FDS 300
#define MOST 4

static struct input input;
static bool is_open[MAX_FDS];
static int next_fd;

static int open_fd(void)
{
	is_open[next_fd] = true;
	return FIRST_FD + next_fd++;
}

static int fake_close(int fd)
{
	REQUIRE(fd >= FIRST_FD && fd < FIRST_FD + next_fd && is_open[fd - FIRST_FD]);
	is_open[fd - FIRST_FD] = false;
	return 0;
}

static int fake_accept(void)
{
	uint8_t how = input_byte(&input);

	if (how >= 4 || input.left == 0)
		return open_fd();
	errno = how == 0 ? EINTR : how == 1 ? ECONNABORTED : EMFILE;
	return -1;
}

/* As recvmsg(2): what does not fit is not there, and that is said. */
static ssize_t fake_recvmsg(struct msghdr *message)
{
	uint8_t how = input_byte(&input), count = input_byte(&input);
	struct cmsghdr *header = message->msg_control;
	size_t room = (message->msg_controllen - CMSG_LEN(0)) / sizeof(int);

	message->msg_flags = how & 1 ? MSG_TRUNC : 0;
	message->msg_controllen = 0;
	if (how >= 0xf0) {
		errno = how & 2 ? EAGAIN : ECONNRESET;
		return -1;
	}
	if (how & 4) { /* another kind (SO_PASSCRED) */
		*header = (struct cmsghdr){ CMSG_LEN(12), SOL_SOCKET, SCM_CREDENTIALS };
		message->msg_controllen = CMSG_SPACE(12);
	} else if (count > 0) {
		size_t fitting = count < room ? count : room;

		if (count > room)
			message->msg_flags |= MSG_CTRUNC;
		*header = (struct cmsghdr){ CMSG_LEN(fitting * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		for (size_t i = 0; i < fitting; i++)
			memcpy(CMSG_DATA(header) + i * sizeof(int), &(int){ open_fd() }, sizeof(int));
		message->msg_controllen = CMSG_SPACE(fitting * sizeof(int));
	}
	return (ssize_t)input_bytes(&input, message->msg_iov->iov_base, message->msg_iov->iov_len);
}

#define accept4(...) fake_accept()
#define recvmsg(connection, message, flags) fake_recvmsg(message)
#define setsockopt(fd, level, name, value, size) ((void)(value))
#define close(fd) fake_close(fd)

#include "../lib/descriptors.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fds[1 + MOST], open = 0;

	input = (struct input){ data, size };
	memset(is_open, 0, sizeof(is_open));
	next_fd = 0;
	int count = input_byte(&input) % (MOST + 1), room = input_byte(&input);
	/* Of its very size: one byte further is a finding. */
	char *text = malloc((size_t)room);
	int length = tsrun_accept_descriptors(5, text, room, fds, count);
	for (int i = 0; i <= count && length >= 0; i++)
		fake_close(fds[i]);
	for (int i = 0; i < next_fd; i++)
		open += is_open[i];
	REQUIRE(open == 0 && length <= room);
	free(text);
	return 0;
}
