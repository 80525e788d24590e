#include "attributes.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <linux/types.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IOPRIO_WHO_PROCESS 1
#define KEY_POSSESSOR_ALL 0x3f000000u
#define KEY_USER_SEARCH 0x00080000u /* keyctl(2): found by those who have the link to it */

/* linux/sched/types.h, which glibc's sched.h contradicts; the first version, as the kernel has taken it since 3.14. */
struct sched_attributes {
	__u32 size;
	__u32 policy;
	__u64 flags;
	__s32 nice;
	__u32 priority;
	__u64 runtime, deadline, period;
};

int attribute_personality(uint64_t persona)
{
	return personality((unsigned long)persona) < 0 ? -1 : 0;
}

int attribute_io_priority(uint64_t value)
{
	return (int)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, (int)value);
}

int attribute_scheduler(const uint64_t *arg)
{
	struct sched_attributes attributes = {
		.size = sizeof(attributes),
		.policy = (__u32)arg[0],
		.flags = arg[1],
		.nice = (__s32)arg[2],
		.priority = (__u32)arg[3],
		.runtime = arg[4],
		.deadline = arg[5],
		.period = arg[6],
	};

	return (int)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

int attribute_memory_policy(uint64_t mode, const void *nodes, uint64_t bytes)
{
	/* The kernel reads one bit less than it is told of. */
	return (int)syscall(SYS_set_mempolicy, (int)mode, nodes, nodes ? bytes * 8 + 1 : 0);
}

int attribute_session_keyring(const char *name)
{
	long keyring = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);

	if (keyring < 0)
		return errno == ENOSYS ? 0 : -1; /* a kernel without keyrings has none to share */
	/* Whoever the process becomes: its own user may look into the keyring by what possession grants (keyrings(7)). */
	long result = syscall(SYS_keyctl, KEYCTL_SETPERM, keyring, KEY_POSSESSOR_ALL | KEY_USER_SEARCH | 0x00010000u);
	return result < 0 && errno != EACCES ? -1 : 0;
}
