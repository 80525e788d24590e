/* The id maps of a new user namespace (user_namespaces(7)), written by the parent of the process that is in it. */
#ifndef TSRUN_ID_MAPS_H
#define TSRUN_ID_MAPS_H

#include <sys/types.h>

/*
 * Writes both maps, lines as in /proc/PID/uid_map. Where the caller may not, newuidmap(1) and newgidmap(1) do; one who
 * maps nothing but its own group needs neither, but gives up setgroups(2) in the namespace. Returns 0 or an errno value.
 */
int id_maps_write(pid_t pid, const char *uid_map, const char *gid_map);

#endif
