/* Files made for somebody else: in a container whose user namespace does not know this process's own user. */
#include "fs-ids.h"

/* For the calling thread alone. 0, or -errno. */
int tsrun_fs_ids(unsigned uid, unsigned gid)
{
	return fs_ids_set(uid, gid) < 0 ? -errno : 0;
}
