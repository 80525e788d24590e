/*
 * Published ports. The sockets that hold them on the host are open for as long as this process has them; what the
 * packet filter passes on to the container is taken back at its end, by messages that TypeScript has written.
 */
#ifndef TSRUN_PORTS_H
#define TSRUN_PORTS_H

struct ports_options {
	/*
	 * --ports-farewell FD: datagrams for NETLINK_NETFILTER, each after its length as a uint32_t; 0 none. One that asks
	 * for a listing (NLM_F_DUMP) asks for flows to be deleted.
	 */
	int farewell;
	int held;     /* --ports-held N: so many sockets follow it */
	int netlink;  /* --ports-netlink FD: the socket to send by, of another network namespace; 0: one is made */
};

/* Gives the ports back; does nothing the second time. */
void ports_release(struct ports_options *options);

#endif
