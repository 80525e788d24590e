/* Orders: a command line that comes by the control socket (include/orders.h). */
#ifndef TSRUN_MONITOR_ORDERS_H
#define TSRUN_MONITOR_ORDERS_H

/*
 * Waits for them; the environment is theirs from then on. Ends the process where none come: the launcher has gone, or
 * could not go on.
 */
void orders_receive(int socket, int *argc, char ***argv);

#endif
