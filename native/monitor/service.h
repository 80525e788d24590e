/* What the monitor does all day: one poll(2) over the process, its streams and the clients on the socket. */
#ifndef TSRUN_SERVICE_H
#define TSRUN_SERVICE_H

/* Makes <socket-dir>/attach.sock, where clients connect. */
void service_listen(void);
/* One round. Returns the number of descriptors that had something, 0 after timeout milliseconds (-1: none). */
int service_round(int timeout);
/* Serves until the clients have got all that the ended process left in its pipes. */
void service_drain(void);
/* Ends all connections; nothing is sent any more. */
void service_part(void);
/* Removes what --unlink and --rmdir name: what a container needs only while it runs. */
void service_release(void);
/* Nobody can connect any more. */
void service_close(void);
/* The container is over: nobody can connect, and the lock is free for everybody. */
void service_leave(void);

#endif
