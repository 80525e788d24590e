/*
 * The container's name server. Its two sockets, in the container's network namespace, are this monitor's, so that they
 * live as long as the container and queries wait in them while nobody answers. One resolver answers those of all
 * containers: it is lent descriptors of the sockets over resolver.sock, for as long as that connection is open. Where
 * nobody listens there, the monitor that gets resolver.lock starts it, with the lock and the listening socket, to which
 * the others can connect at once.
 */
#ifndef TSRUN_RESOLVER_H
#define TSRUN_RESOLVER_H

#include <poll.h>

#define MAX_COMMAND 8

struct resolver_options {
	const char *directory; /* --resolver DIR: of resolver.sock and resolver.lock; NULL: no name server */
	int sockets;           /* --resolver-fd N: the UDP socket, and the listening TCP one is N + 1; 0: none yet */
	char *command[MAX_COMMAND + 1]; /* --resolver-command WORD …: the program that becomes the resolver */
};

/* The container with this id runs: lends its sockets from now on, if it has any. */
void resolver_start(const struct resolver_options *options, const char *id);

/* It gets its sockets, UDP and TCP, while it runs. Takes the descriptors over; closes them where it has others. */
void resolver_take(const int sockets[2]);

/* The shorter of timeout and the time until something is due here, both in milliseconds, -1 for none. */
int resolver_timeout(int timeout);

/* The descriptor for poll(2), and what is to be done when it has returned, timeouts included. */
void resolver_watch(struct pollfd *watch);
void resolver_serve(const struct pollfd *watch);

/* The process has ended: the sockets, which would keep its network namespace alive, are closed everywhere. */
void resolver_stop(void);

#endif
