/* The monitor's clients: who started the container, and everybody who attached since. */
#ifndef TSRUN_CLIENTS_H
#define TSRUN_CLIENTS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "frames.h"

#define MAX_CLIENTS 16

/* Apart from what is looked at for each client in each round: they cost no memory until they are used. */
struct client_buffers {
	char in[sizeof(struct frame_header) + FRAME_MAX];
	char out[2 * (sizeof(struct frame_header) + FRAME_MAX)];
	char input[STDIN_WINDOW]; /* for the process's stdin, not yet taken by it */
};

struct client {
	int fd; /* -1: free */
	bool control; /* the launcher, which gets the answers about start and end */
	bool input_ends; /* close stdin once input is written */
	int received[2]; /* descriptors that came with what is in `in`; -1: none */
	size_t in_length, out_length, input_length;
	struct client_buffers *buffers;
};

extern struct client clients[MAX_CLIENTS];

/* What a complete frame asks for; called for each one. */
typedef void (*frame_handler)(struct client *client, const struct frame_header *header, const char *payload);

void clients_init(void);
/* Takes over a connected socket; closes it where there is no room. */
void clients_add(int fd, bool control);
void client_close(struct client *client);
/* Closes all, or those that have not yet taken what was queued for them. */
void clients_close(bool pending_only);
struct client *clients_control(void); /* NULL once it is gone */

/* Queues a frame and sends what the socket takes. Only FRAME_STDOUT and FRAME_STDERR wait for clients_pending(). */
void client_send(struct client *client, enum frame_type type, const void *payload, size_t length);
void client_send_numbers(struct client *client, enum frame_type type, uint32_t first, uint32_t second, uint32_t third);
void clients_broadcast(enum frame_type type, const void *payload, size_t length);

/* Whether any client has not yet taken what was queued for it. */
bool clients_pending(void);

/* Reads from and writes to a client as poll(2) says it can; closes it at end of file or on nonsense. */
void client_serve(struct client *client, short events, frame_handler handler);

#endif
