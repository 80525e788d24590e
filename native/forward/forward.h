/*
 * Published ports of an ordinary user's containers. The host's packet filter is the host's root's, so the connections
 * that come to a port of the host are carried into the user's network namespace by a process, one for each container.
 *
 *     tsrun-forward TARGETS tcp|udp ...
 *
 * Descriptor 3 is that network namespace, 4 the read end of a pipe whose closing ends the process, and from 5 on there
 * is a bound socket of the host's for each protocol named. The line of that number in the file TARGETS says where what
 * comes to it goes, "ADDRESS PORT"; it is read for each new connection, so that ports can follow their container.
 */
#ifndef TSRUN_FORWARD_H
#define TSRUN_FORWARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define NETNS_FD 3
#define LIFE_FD 4
#define FIRST_SOCKET 5
#define SESSIONS 1024 /* of clients that send datagrams */

/* What epoll(7) tells of: `ready` is called with the events. */
struct source {
	void (*ready)(struct source *source, uint32_t events);
	int fd;
};

/* Adds or changes what is waited for. */
void source_watch(struct source *source, int operation, uint32_t events);

/* Waits, and calls, for ever. */
_Noreturn void serve(void);

/* The file TARGETS. */
extern const char *target_file;

/* A socket in the network namespace that is connected, or about to be, to the target of a port; or -1. */
int target_connect(unsigned port, int type);

/* Serve a bound socket; `port` counts from 0. */
void tcp_serve(int fd, unsigned port);
void udp_serve(int fd, unsigned port);

/* Frees the connections that are over, when no event of theirs is waiting. */
void tcp_free(void);

/* Forgets sessions of clients that have been silent; called now and then. */
void udp_expire(void);

#endif
