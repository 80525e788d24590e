/* Joining and making namespaces beyond what one call does. All return 0 or -1 with errno. */
#ifndef TSRUN_NAMESPACES_H
#define TSRUN_NAMESPACES_H

/* setns(2); EPERM is none where the process is in that namespace already. */
int namespace_join(int fd, int type);

/*
 * A new time namespace with these offsets (lines as in /proc/PID/timens_offsets, or NULL), which this process is then
 * in itself: unshare(2) alone is for the children to come (time_namespaces(7), Linux 5.6).
 */
int namespace_time(const char *offsets);

#endif
