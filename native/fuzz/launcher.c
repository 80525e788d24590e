/*
 * The launcher of ordinary users' tsrun: a holder of namespaces that says anything or goes at any time, and calls that fail
 * anywhere. Nothing stays open, nobody is killed but a holder, and whatever fails is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../rootless/rootless.h"
#include "fuzz.h"

#define FIRST_FD 100
#define MAX_FDS 32

static struct input input;
static bool is_open[MAX_FDS];
static int next_fd, failures;
static pid_t announced; /* by the holder, last */

static int fails(void)
{
	errno = input_byte(&input);
	return errno < 8 ? -1 : 0;
}

static int open_fd(void)
{
	if (fails() < 0)
		return -1;
	REQUIRE(next_fd < MAX_FDS);
	is_open[next_fd] = true;
	return FIRST_FD + next_fd++;
}

static int open_pair(int pair[2])
{
	if (fails() < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		is_open[next_fd] = true;
		pair[i] = FIRST_FD + next_fd++;
	}
	return 0;
}

static void fake_close(int fd)
{
	if (fd < 0)
		return;
	REQUIRE(fd >= FIRST_FD && is_open[fd - FIRST_FD]);
	is_open[fd - FIRST_FD] = false;
}

static ssize_t fake_recv(void *to, size_t size)
{
	size_t length = input_byte(&input) % (size + 2);

	if (length > size) {
		errno = ECONNRESET;
		return -1;
	}
	ssize_t got = (ssize_t)input_bytes(&input, to, length);
	if (size >= sizeof(announced) && (size_t)got >= sizeof(announced))
		memcpy(&announced, to, sizeof(announced));
	return got;
}

static int fake_kill(pid_t pid)
{
	REQUIRE(pid > 0 && pid == announced);
	return 0;
}

int fail(const char *hint, const char *format, ...)
{
	failures += hint && format;
	return -1;
}

int maps_write(pid_t pid)
{
	REQUIRE(pid > 0);
	return fails() < 0 ? fail("", "maps") : 0;
}

pid_t record_read(int directory, const char *name)
{
	(void)directory, (void)name;
	return input_byte(&input) & 1;
}

int record_write(int directory, const char *name, pid_t pid)
{
	(void)directory, (void)name;
	REQUIRE(pid > 0);
	return fails();
}

void holder_run(int directory)
{
	(void)directory;
	__builtin_trap(); /* in the child alone */
}

#define open(...) open_fd()
#define openat(...) open_fd()
#define socket(...) open_fd()
#define socketpair(domain, type, protocol, pair) open_pair(pair)
#define close(fd) fake_close(fd)
#define recv(fd, to, size, flags) fake_recv(to, size)
#define send(peer, data, size, flags) ((void)(data))
#define kill(pid, number) fake_kill(pid)
#define fork() (fails() < 0 ? -1 : 6)
#define waitpid(...) 6
#define flock(...) fails()
#define setns(...) fails()
#define unshare(...) fails()
#define mount(...) fails()
#define ioctl(...) fails()
#define setresgid(...) fails()
#define setresuid(...) fails()
#define chdir(path) ((void)(path), fails())
#define prctl(...) ((void)0)
#define getcwd(buffer, size) (fails() < 0 ? NULL : strcpy(buffer, "/here"))

#include "../rootless/namespaces.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct directory directory = { .fd = 5, .path = "/run/user/1000" };

	input = (struct input){ data, size };
	memset(is_open, 0, sizeof(is_open));
	next_fd = failures = 0;
	announced = 0;
	int result = namespaces_join(&directory);
	for (int i = 0; i < next_fd; i++)
		REQUIRE(!is_open[i]);
	REQUIRE(failures == (result < 0));
	return 0;
}
