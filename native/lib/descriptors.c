/* Descriptors over unix sockets (SCM_RIGHTS, unix(7)), which Node's streams cannot send, and would read past and lose. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_DESCRIPTORS 4
#define PATIENCE 1 /* seconds for which somebody who has connected may say nothing */

static void close_all(const int *fds, int count)
{
	for (int i = 0; i < count; i++)
		close(fds[i]);
}

/* Reads one message with exactly count descriptors. Returns its length, or -errno with none of them open. */
static int receive(int connection, char *text, int size, int *fds, int count)
{
	union {
		char space[CMSG_SPACE(MAX_DESCRIPTORS * sizeof(int))];
		struct cmsghdr header;
	} control;
	struct iovec data = { .iov_base = text, .iov_len = (size_t)size };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t length = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);

	if (length < 0)
		return -errno;
	const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return -EPROTO;
	int got = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	int received[MAX_DESCRIPTORS];
	memcpy(received, CMSG_DATA(header), (size_t)got * sizeof(int));
	if (got != count || message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) {
		close_all(received, got);
		return -EPROTO;
	}
	memcpy(fds, received, (size_t)count * sizeof(int));
	return (int)length;
}

/*
 * Waits for somebody to connect to the listening socket and to send one message with count descriptors, at most four.
 * fds[0] receives the connection and fds[1] to fds[count] what came with the message, all of them close-on-exec; text
 * receives the message. Returns its length, or -errno: -EPROTO where it is not such a message, -EAGAIN where none came
 * within a second. It blocks: it is to be called on a thread of Node's pool.
 */
int tsrun_accept_descriptors(int listener, char *text, int size, int *fds, int count)
{
	struct timeval patience = { .tv_sec = PATIENCE };
	int connection;

	if (count > MAX_DESCRIPTORS)
		return -E2BIG;
	do {
		connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	} while (connection < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (connection < 0)
		return -errno;
	setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	int length = receive(connection, text, size, fds + 1, count);
	if (length < 0)
		close(connection);
	else
		fds[0] = connection;
	return length;
}

/* sun_path holds 108 bytes, whatever the directory's name is. Returns a connection or -errno. */
static int connect_in(const char *directory, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int parent = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (parent < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", parent, name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? errno : 0;
	close(parent);
	if (error == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -error;
}

/* Sends one message with count descriptors, at most four, over a connected socket. Returns 0 or -errno. */
int tsrun_send_descriptors_over(int connection, const char *data, int size, const int *fds, int count)
{
	union {
		char space[CMSG_SPACE(MAX_DESCRIPTORS * sizeof(int))];
		struct cmsghdr header;
	} control = { .header = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct iovec vector = { .iov_base = (char *)data, .iov_len = (size_t)size };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control };

	if (count > MAX_DESCRIPTORS)
		return -E2BIG;
	control.header.cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
	message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
	memcpy(CMSG_DATA(&control.header), fds, (size_t)count * sizeof(int));
	return sendmsg(connection, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The same to the socket of that name in the directory, by a connection that is closed again. Returns 0 or -errno. */
int tsrun_send_descriptors(const char *directory, const char *name, const char *data, int size, const int *fds, int count)
{
	int connection = connect_in(directory, name);

	if (connection < 0)
		return connection;
	int result = tsrun_send_descriptors_over(connection, data, size, fds, count);
	close(connection);
	return result;
}
