/*
 * The processes of a container whose first one is not the init of its pid namespace: when that ends, the kernel ends nobody
 * else (pid_namespaces(7)). Who belongs to the container is then known by its cgroup alone.
 */
#ifndef TSRUN_MEMBERS_H
#define TSRUN_MEMBERS_H

/*
 * Kills every process of the cgroup in this directory and of those below it, and waits a second at most until they are
 * gone. On cgroup v1 the directory is that of the freezer, where there is one.
 */
void members_kill(const char *cgroup);

#endif
