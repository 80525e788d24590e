/* Finds who holds the user's namespaces, or makes both, and joins. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rootless.h"

static int become_root(void)
{
	return setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0 ? -1 : 0;
}

/* netdevice(7) */
static int loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	int result = ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	return result;
}

/* What the holder tells its maker: twice, where the user namespace is there and where all is. */
struct report {
	pid_t pid;
	int error; /* an errno value */
};

static void report(int peer, int error)
{
	struct report report = { .pid = getpid(), .error = error };

	send(peer, &report, sizeof(report), MSG_NOSIGNAL);
	if (error)
		_exit(1);
}

static _Noreturn void hold(int peer, int directory)
{
	char word;

	report(peer, unshare(CLONE_NEWUSER) < 0 ? errno : 0);
	if (recv(peer, &word, 1, 0) != 1)
		_exit(1); /* no maps */
	/* What the host mounts later is seen here too, and nothing the other way round. */
	bool is_ready = become_root() == 0 && unshare(CLONE_NEWNS | CLONE_NEWNET) == 0 &&
			mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 && loopback_up() == 0;
	int error = is_ready ? 0 : errno;
	/* For /proc/PID/ns, which ptrace(2)'s rules guard: the user's own commands join by it. */
	prctl(PR_SET_DUMPABLE, 1);
	report(peer, error);
	close(peer);
	holder_run(directory);
}

/* Nobody's child: the program that the launcher becomes is not to hear of its end. Returns the maker's end, or -1. */
static int start_holder(int directory)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	pid_t between = fork();
	if (between == 0) {
		close(pair[0]);
		if (fork() == 0)
			hold(pair[1], directory);
		_exit(0);
	}
	close(pair[1]);
	if (between > 0)
		waitpid(between, NULL, 0);
	return pair[0];
}

static int cannot_make(int error)
{
	if (error == ENOSPC || error == EUSERS)
		return fail("sudo sysctl -w user.max_user_namespaces=65536", "this host allows no more user namespaces");
	if (error == EPERM || error == EACCES)
		return fail("`tsrun doctor` tells which setting it is and the command that changes it",
			    "this host does not let ordinary users make user namespaces");
	return fail("`tsrun doctor` looks for what is missing", "cannot make a user namespace: %s", strerror(error));
}

/* The holder's next word: its number, or -1 after fail(). */
static pid_t hear(int peer)
{
	struct report report;

	if (recv(peer, &report, sizeof(report), 0) != sizeof(report) || report.pid <= 0)
		return cannot_make(ECHILD);
	return report.error ? cannot_make(report.error) : report.pid;
}

/* The holder of new namespaces, or -1 after fail(). It ends where this end of the socket does, until it is ready. */
static pid_t make(int directory)
{
	int peer = start_holder(directory);

	if (peer < 0)
		return cannot_make(errno);
	pid_t pid = hear(peer);
	if (pid > 0 && maps_write(pid) < 0)
		pid = -1;
	if (pid > 0) {
		send(peer, "", 1, MSG_NOSIGNAL);
		pid = hear(peer);
	}
	close(peer);
	if (pid > 0 && record_write(directory, HOLDER_RECORD, pid) < 0) {
		kill(pid, SIGKILL);
		return fail("is the disk full?", "cannot write down who holds the namespaces: %s", strerror(errno));
	}
	return pid;
}

static int open_namespace(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Its root would be the working directory otherwise. A directory that is not there is none to stay in. */
static int enter_mounts(int fd)
{
	char here[4096];
	const char *stay = getcwd(here, sizeof(here)) ? here : "/";

	if (setns(fd, CLONE_NEWNS) < 0)
		return -1;
	return chdir(stay) == 0 ? 0 : chdir("/");
}

static int enter(pid_t holder)
{
	int user = open_namespace(holder, "user"), mounts = open_namespace(holder, "mnt");
	int result = 0;

	if (user < 0 || mounts < 0 || setns(user, CLONE_NEWUSER) < 0 || become_root() < 0 || enter_mounts(mounts) < 0)
		result = fail("end what is left there: kill the process, and start again",
			      "cannot join the namespaces of process %d: %s", (int)holder, strerror(errno));
	close(user);
	close(mounts);
	return result;
}

int namespaces_join(const struct directory *directory)
{
	/* Who joins holds the lock, so that the holder does not end meanwhile, and there is but one. */
	int lock = openat(directory->fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (lock < 0 || flock(lock, LOCK_EX) < 0) {
		fail("", "cannot lock %s/tsrun/rootless: %s", directory->path, strerror(errno));
		close(lock);
		return -1;
	}
	pid_t holder = record_read(directory->fd, HOLDER_RECORD);
	if (holder == 0)
		holder = make(directory->fd);
	int result = holder < 0 ? -1 : enter(holder);
	close(lock);
	return result;
}
