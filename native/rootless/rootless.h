/*
 * tsrun for ordinary users: one user namespace, mount namespace and network namespace for each user, in which tsrun is
 * root and works as it does on a whole host. They are kept by a holder, a process that does nothing else.
 */
#ifndef TSRUN_ROOTLESS_H
#define TSRUN_ROOTLESS_H

#include <stdbool.h>
#include <sys/types.h>

/* Where the user's runtime files are; XDG_RUNTIME_DIR is set accordingly. */
struct directory {
	int fd;          /* of <runtime directory>/tsrun/rootless */
	char path[4096]; /* of the runtime directory itself */
};

/*
 * Why there are no namespaces, for TSRUN_ROOTLESS_ERROR: what went wrong, and on a second line what to do. Returns -1.
 */
int fail(const char *hint, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Finds or makes the directory. 0, or -1 after fail(). */
int directory_open(struct directory *directory);

/* Joins the user's namespaces, made first where nobody holds them, and becomes root there. 0, or -1 after fail(). */
int namespaces_join(const struct directory *directory);

/* Writes the user and group maps of a process that is in a new user namespace. 0, or -1 after fail(). */
int maps_write(pid_t pid);

/* In the namespaces: waits until nobody else has been in them for a while. */
_Noreturn void holder_run(int directory);

/* `tsrun-rootless --outside DIRECTORY NETNS`; returns an exit status where nothing can do that. */
int outside_run(const char *directory, char *netns);

/* What the launcher was started with, in the memory that /proc/PID/cmdline shows. */
extern char **launcher_argv;

/* The process that D's file `name` speaks of, if it still is that one; else 0. */
pid_t record_read(int directory, const char *name);
int record_write(int directory, const char *name, pid_t pid);

/* 0 where there is no such process, or its parent is out of sight. */
pid_t parent_of(pid_t pid);

#define HOLDER_RECORD "holder"
#define OUTSIDE_RECORD "outside" /* who carries packets between the network namespace and the host's */
#define LOCK_FILE "lock"

#endif
