/* The monitor's command line: everything that TypeScript has decided for it. */
#ifndef TSRUN_OPTIONS_H
#define TSRUN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "health.h"
#include "ports.h"
#include "resolver.h"

/* Grows as needed; each path is in it once. */
struct path_list {
	const char **paths;
	size_t count;
};

enum restart_on { RESTART_NEVER, RESTART_ALWAYS, RESTART_ON_FAILURE };

struct options {
	const char *id;         /* --id: only to be seen in ps(1) */
	bool orders;            /* --orders: all that follows here comes by the control socket (orders.h) */
	int plan_fds;           /* --plan-fds N: descriptors for the Plan's slots, from PLAN_FIRST_FD up */
	bool terminal;          /* --terminal: a pty instead of pipes */
	bool stdin_open;        /* --stdin: keep a stdin pipe; else /dev/null */
	bool stdin_once;        /* --stdin-once: stdin ends with the first client */
	bool leashed;           /* --leashed: the process ends with the launcher's connection */
	bool durable;           /* --durable: the exit record survives a power failure */
	const char *state;      /* --state FILE: the state document */
	const char *socket_dir; /* --socket-dir DIR: listen on DIR/attach.sock */
	const char *log;        /* --log FILE: JSON lines */
	long long log_size;     /* --log-size BYTES: rotate above; 0 never */
	int log_files;          /* --log-files N: how many to keep, the current one included */
	const char *oom_file;   /* --oom-file FILE and --oom-key KEY: the cgroup's count of OOM kills */
	const char *oom_key;
	enum restart_on restart_on; /* --restart-on always|failure: which ends of the process are followed by a start */
	int restart_delay;      /* --restart-delay MS: how long to wait first … */
	int steady_after;       /* --steady-after MS and --steady-delay MS: … and after a run of at least that long */
	int steady_delay;
	int restart_count;      /* --restart-count N: how often that has happened already */
	const char *stopped;    /* --stopped FILE: where it is, somebody has stopped the container: it stays ended */
	const char *wait;       /* --wait DOCUMENT: no Plan, begin with the wait; the state where a stop ends it */
	bool release;           /* --release: on_exit is executed at the very end too, where no restart follows */
	const char *lock;       /* --lock FILE: the container's lock, removed with socket-dir when nobody needs it any more */
	const char *members;     /* --members DIR: the cgroup whose processes end with the first one; see members.h */
	struct path_list rmdir;  /* --rmdir DIR: removed at the end, the cgroup's directories */
	struct path_list unlink; /* --unlink FILE: removed at the end, leases of addresses; see service.c */
	struct health_options health; /* --health-…: see there */
	struct ports_options ports; /* --ports-…: see there */
	struct resolver_options resolver; /* --resolver…: see there */
	/*
	 * After --: the program to become at the end, with the lock's descriptor as TSRUN_LOCK_FD. With --stopped it starts
	 * the container again; without, it looks after what remains where no client has said ACK.
	 */
	char **on_exit;
};

/* Descriptors that the launcher passes: the first three when it starts the monitor, the others perhaps with its orders. */
enum { OWNER_LOCK_FD = 3, CONTROL_FD = 4, PROGRAM_FD = 5, PLAN_FD = 6, PLAN_FIRST_FD = 7 };

/* Parses the command line; ends the process with status 2 on a word it does not know. */
void options_parse(struct options *options, int argc, char **argv);

/* Adds to a list of paths, which keeps the pointer; false where it has the path already, or there is no memory. */
bool options_append(struct path_list *list, const char *path);

#endif
