/* tmpfs mounts as an OCI configuration asks for them. */
#ifndef TSRUN_TMPFS_H
#define TSRUN_TMPFS_H

#include <stdbool.h>

/*
 * Mounts a tmpfs of the name source on the directory target, made if missing. It gets the mode of the directory that it covers unless data
 * says one, and a copy of what is in it where copy_up is set. Returns 0 or -1 with errno.
 */
int tmpfs_mount(const char *source, const char *target, unsigned long flags, const char *data, bool copy_up);

#endif
