/* The ids that the calling thread makes files with, setfsuid(2), without what that does to its privileges. */
#ifndef TSRUN_FS_IDS_H
#define TSRUN_FS_IDS_H

#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/*
 * setfsuid(2) says nothing of a failure, and away from root it takes the privileges over files, which are to stay:
 * capabilities(7). Returns 0, or -1 with errno.
 */
static inline int fs_ids_set(uid_t uid, gid_t gid)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	syscall(SYS_setfsgid, gid);
	syscall(SYS_setfsuid, uid);
	if ((gid_t)syscall(SYS_setfsgid, -1) != gid || (uid_t)syscall(SYS_setfsuid, -1) != uid) {
		errno = EPERM;
		return -1;
	}
	if (syscall(SYS_capget, &header, data) < 0)
		return -1;
	for (int word = 0; word < 2; word++)
		data[word].effective = data[word].permitted;
	return (int)syscall(SYS_capset, &header, data);
}

#endif
