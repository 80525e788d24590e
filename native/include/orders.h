/*
 * What a launcher sends the monitor that it has started with --orders, on their socket and before any frame: what else
 * would be the command line, the environment and inherited descriptors. So the monitor boots while its launcher still
 * decides what it is to do.
 *
 *     header | arguments and environment, each string with its NUL
 *
 * The descriptors travel beside it (SCM_RIGHTS, unix(7)), ORDERS_BATCH at most with one byte or more of it. They are to
 * get the lowest numbers that are free in the monitor, in their order.
 */
#ifndef TSRUN_ORDERS_H
#define TSRUN_ORDERS_H

#include <stdint.h>

#define ORDERS_BATCH 200 /* the kernel takes 253 */

struct orders_header {
	uint32_t size; /* of the strings, in bytes */
	uint32_t arguments, environment; /* how many strings */
	uint32_t descriptors;
};

#endif
