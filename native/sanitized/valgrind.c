/*
 * Valgrind 3.19 knows neither clone3(2), without which a Plan makes no process, nor pidfd_send_signal(2): clone(2) and
 * kill(2) do here what they would. Linked with -Wl,--wrap=syscall into the monitor that runs under valgrind, no other.
 */
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#define MAX_FDS 1024

static long processes[MAX_FDS]; /* by the pidfd */

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static long clone_as(const struct clone_args *how)
{
	if (how->flags & CLONE_INTO_CGROUP) {
		errno = ENOSYS; /* clone(2) cannot */
		return -1;
	}
	/* The pidfd goes where CLONE_PARENT_SETTID would have the thread id. */
	int *pidfd = (int *)(uintptr_t)how->pidfd;
	long child = __real_syscall(SYS_clone, how->flags | how->exit_signal, NULL, pidfd, NULL, NULL);

	if (child > 0 && *pidfd >= 0 && *pidfd < MAX_FDS)
		processes[*pidfd] = child;
	return child;
}

static long kill_by(long pidfd, int number)
{
	if (pidfd >= 0 && pidfd < MAX_FDS && processes[pidfd] > 0)
		return kill((pid_t)processes[pidfd], number);
	errno = EBADF;
	return -1;
}

long __wrap_syscall(long number, ...)
{
	long word[6];
	va_list arguments;

	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		word[i] = va_arg(arguments, long);
	va_end(arguments);
	if (number == SYS_clone3)
		return clone_as((const struct clone_args *)word[0]);
	if (number == SYS_pidfd_send_signal)
		return kill_by(word[0], (int)word[1]);
	return __real_syscall(number, word[0], word[1], word[2], word[3], word[4], word[5]);
}
