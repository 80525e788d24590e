/*
 * Who carries packets between the user's network namespace and the outside: pasta(1), which is faster, or
 * slirp4netns(1), whichever is there and works. This process looks after it and is what the record names; both end
 * together. It is started in the host's network namespace by the first command that connects a container.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rootless.h"

#define LOG_FILE "outside.log"

/* Its exit status, or -1. */
static int run(char **argv, pid_t parent)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		execvp(argv[0], argv);
		dprintf(2, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return pid < 0 ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

int outside_run(const char *directory, char *netns)
{
	/*
	 * pasta gives CAP_SYS_PTRACE up before it opens the namespace, and the holder's is then not to be opened by a path
	 * through its /proc directory (ptrace(2), PTRACE_MODE_READ); it may close what is open beyond the standard three.
	 */
	char standard_input[] = "/proc/self/fd/0";
	/* Nothing of the host's own loopback is to be reached from containers, and no port is theirs by itself. */
	char *pasta[] = { "pasta", "--foreground", "--quiet", "--config-net", "--no-map-gw", "-t", "none", "-u", "none",
			  "-T", "none", "-U", "none", "-I", "tap0", "--no-netns-quit", "--netns", standard_input, NULL };
	char *slirp4netns[] = { "slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback",
				"--netns-type=path", netns, "tap0", NULL };
	int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int log = fd < 0 ? -1 : openat(fd, LOG_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

	if (log < 0 || record_write(fd, OUTSIDE_RECORD, getpid()) < 0)
		return 1;
	int netns_fd = open(netns, O_RDONLY | O_CLOEXEC);
	if (netns_fd < 0 || dup2(netns_fd, 0) < 0)
		return 1;
	dup2(log, 2);
	setsid();
	prctl(PR_SET_NAME, "tsrun-outside");
	run(pasta, getpid());
	run(slirp4netns, getpid());
	unlinkat(fd, OUTSIDE_RECORD, 0);
	return 1;
}
