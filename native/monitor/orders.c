#include "orders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../include/orders.h"

#define MAX_TEXT (64 << 20) /* far above what execve(2) takes: ARG_MAX is 6 MiB at most */

/* Receives up to length bytes, and counts the descriptors that come with them. */
static size_t receive(int socket, void *data, size_t length, uint32_t *descriptors)
{
	union {
		char space[CMSG_SPACE(ORDERS_BATCH * sizeof(int))];
		struct cmsghdr header;
	} control;
	struct iovec vector = { .iov_base = data, .iov_len = length };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t got;

	do
		got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got <= 0 || message.msg_flags & MSG_CTRUNC)
		exit(1);
	const struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
	if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS)
		*descriptors += (uint32_t)((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	return (size_t)got;
}

static void receive_all(int socket, void *data, size_t length, uint32_t *descriptors)
{
	for (size_t done = 0; done < length;)
		done += receive(socket, (char *)data + done, length - done, descriptors);
}

/* The table of count strings that follow each other, ended by NULL as execve(2) has it; *text is what follows them. */
static char **table(char **text, const char *end, uint32_t count)
{
	/* Each string has a NUL at least: a count that the text cannot hold is not worth its memory. */
	char **strings = count > end - *text ? NULL : calloc((size_t)count + 1, sizeof(*strings));

	if (strings == NULL)
		exit(1);
	for (uint32_t i = 0; i < count; i++) {
		const char *nul = memchr(*text, '\0', (size_t)(end - *text));

		if (nul == NULL)
			exit(1);
		strings[i] = *text;
		*text += nul - *text + 1;
	}
	return strings;
}

void orders_receive(int socket, int *argc, char ***argv)
{
	struct orders_header header;
	uint32_t descriptors = 0;

	receive_all(socket, &header, sizeof(header), &descriptors);
	char *text = header.size > MAX_TEXT ? NULL : malloc(header.size);
	if (text == NULL)
		exit(1);
	receive_all(socket, text, header.size, &descriptors);
	if (descriptors != header.descriptors)
		exit(1);
	const char *end = text + header.size;
	*argc = (int)header.arguments;
	*argv = table(&text, end, header.arguments);
	environ = table(&text, end, header.environment);
}
