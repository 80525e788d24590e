/*
 * The holder: namespaces last as long as a process is in them, and a user's are to last from one command to the next.
 * It ends with the last of the user's containers, a little later, so that commands that follow each other share it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "rootless.h"

#define LOOK_EVERY 30 /* seconds */

/* The command that happened to need namespaces is not this process's, and its words are nobody else's business. */
static void forget_command(void)
{
	for (char **word = launcher_argv; *word; word++)
		memset(*word, 0, strlen(*word));
}

static void detach(int directory)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	forget_command();
	setsid();
	if (chdir("/") < 0)
		_exit(1);
	prctl(PR_SET_NAME, "tsrun-holder");
	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	/* What the launcher's caller had open is not to wait for this process; a shell that calls tsrun in $(…) would. */
	if (directory > 3) {
		dup2(directory, 3);
		fcntl(3, F_SETFD, FD_CLOEXEC);
	}
	close_range(4, ~0U, 0);
}

static ino_t user_namespace_of(const char *pid)
{
	char path[64];
	struct stat info;

	snprintf(path, sizeof(path), "/proc/%.20s/ns/user", pid);
	return stat(path, &info) == 0 ? info.st_ino : 0; /* 0 also for what is beyond this namespace's power */
}

/* Whether any other process is in this user namespace, but for those that are here to serve them. */
static bool is_used(int directory)
{
	ino_t own = user_namespace_of("self");
	pid_t outside = record_read(directory, OUTSIDE_RECORD), self = getpid();
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	bool used = proc == NULL;

	while (!used && (entry = readdir(proc))) {
		pid_t pid = (pid_t)atoi(entry->d_name);
		used = pid > 0 && pid != self && user_namespace_of(entry->d_name) == own &&
		       (outside == 0 || (pid != outside && parent_of(pid) != outside));
	}
	if (proc)
		closedir(proc);
	return used;
}

static _Noreturn void leave(int directory)
{
	pid_t outside = record_read(directory, OUTSIDE_RECORD);

	if (outside > 0)
		kill(outside, SIGTERM);
	unlinkat(directory, OUTSIDE_RECORD, 0);
	unlinkat(directory, HOLDER_RECORD, 0);
	_exit(0);
}

_Noreturn void holder_run(int directory)
{
	struct timespec interval = { .tv_sec = LOOK_EVERY };
	sigset_t term;
	bool idle = false;

	detach(directory);
	directory = 3;
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	for (;;) {
		bool told = sigtimedwait(&term, NULL, &interval) == SIGTERM;
		int lock = openat(directory, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

		if (told)
			leave(directory);
		/* Who joins now holds the lock: not idle. */
		if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0) {
			bool was_idle = idle;
			idle = !is_used(directory);
			if (idle && was_idle)
				leave(directory);
		}
		close(lock);
	}
}
