#include "clients.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monitor.h"

struct client clients[MAX_CLIENTS];
static struct client_buffers buffers[MAX_CLIENTS];

void clients_init(void)
{
	uintptr_t page = ((uintptr_t)buffers + 4095) & ~(uintptr_t)4095;

	/* One huge page for a few used bytes would triple what a monitor weighs. */
	madvise((void *)page, sizeof(buffers) - (page - (uintptr_t)buffers), MADV_NOHUGEPAGE);
	for (int i = 0; i < MAX_CLIENTS; i++)
		clients[i] = (struct client){ .fd = -1, .buffers = &buffers[i] };
}

void clients_add(int fd, bool control)
{
	for (int i = 0; i < MAX_CLIENTS; i++) {
		struct client *client = &clients[i];

		if (client->fd >= 0)
			continue;
		client->fd = fd;
		client->control = control;
		client->in_length = client->out_length = client->input_length = 0;
		client->input_ends = false;
		client->received[0] = client->received[1] = -1;
		return;
	}
	close(fd);
}

void client_close(struct client *client)
{
	close(client->fd);
	client->fd = -1;
	close_fd(&client->received[0]);
	close_fd(&client->received[1]);
}

void clients_close(bool pending_only)
{
	for (int i = 0; i < MAX_CLIENTS; i++)
		if (clients[i].fd >= 0 && (!pending_only || clients[i].out_length > 0))
			client_close(&clients[i]);
}

struct client *clients_control(void)
{
	for (int i = 0; i < MAX_CLIENTS; i++)
		if (clients[i].fd >= 0 && clients[i].control)
			return &clients[i];
	return NULL;
}

static void flush(struct client *client)
{
	while (client->fd >= 0 && client->out_length > 0) {
		ssize_t sent = send(client->fd, client->buffers->out, client->out_length, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0) {
			if (errno != EAGAIN)
				client_close(client);
			return;
		}
		client->out_length -= (size_t)sent;
		memmove(client->buffers->out, client->buffers->out + sent, client->out_length);
	}
}

void client_send(struct client *client, enum frame_type type, const void *payload, size_t length)
{
	struct frame_header header = { .type = type, .length = (uint32_t)length };

	if (client == NULL || client->fd < 0)
		return;
	if (sizeof(client->buffers->out) - client->out_length < sizeof(header) + length) {
		client_close(client); /* it takes nothing any more, not even short answers */
		return;
	}
	memcpy(client->buffers->out + client->out_length, &header, sizeof(header));
	client->out_length += sizeof(header);
	if (length > 0)
		memcpy(client->buffers->out + client->out_length, payload, length);
	client->out_length += length;
	flush(client);
}

void client_send_numbers(struct client *client, enum frame_type type, uint32_t first, uint32_t second, uint32_t third)
{
	uint32_t numbers[] = { first, second, third };

	client_send(client, type, numbers, sizeof(numbers));
}

void clients_broadcast(enum frame_type type, const void *payload, size_t length)
{
	for (int i = 0; i < MAX_CLIENTS; i++)
		client_send(&clients[i], type, payload, length);
}

bool clients_pending(void)
{
	for (int i = 0; i < MAX_CLIENTS; i++)
		if (clients[i].fd >= 0 && clients[i].out_length > 0)
			return true;
	return false;
}

static void handle_frames(struct client *client, frame_handler handler)
{
	struct frame_header header;
	size_t at = 0;

	while (client->fd >= 0 && client->in_length - at >= sizeof(header)) {
		memcpy(&header, client->buffers->in + at, sizeof(header));
		if (header.length > FRAME_MAX) {
			client_close(client);
			return;
		}
		if (client->in_length - at < sizeof(header) + header.length)
			break;
		handler(client, &header, client->buffers->in + at + sizeof(header));
		at += sizeof(header) + header.length;
	}
	client->in_length -= at;
	memmove(client->buffers->in, client->buffers->in + at, client->in_length);
}

/* As recv(2), and keeps two descriptors that come with the bytes; the kernel closes what there is no room for. */
static ssize_t receive(struct client *client)
{
	union {
		char space[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr header;
	} control;
	struct iovec data = { .iov_base = client->buffers->in + client->in_length, .iov_len = sizeof(client->buffers->in) - client->in_length };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t got = recvmsg(client->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *header = got < 0 ? NULL : CMSG_FIRSTHDR(&message);

	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
		close_fd(&client->received[0]);
		close_fd(&client->received[1]);
		memcpy(client->received, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
	}
	return got;
}

void client_serve(struct client *client, short events, frame_handler handler)
{
	if (events & POLLOUT)
		flush(client);
	if (client->fd < 0 || !(events & (POLLIN | POLLHUP | POLLERR)))
		return;
	ssize_t got = receive(client);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		client_close(client);
		return;
	}
	client->in_length += (size_t)got;
	handle_frames(client, handler);
}
