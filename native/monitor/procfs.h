/*
 * Files of /proc that decide about the container's confinement, opened so that nothing mounted over them by a hostile
 * configuration or a race can take what is written (CVE-2025-52881).
 */
#ifndef TSRUN_PROCFS_H
#define TSRUN_PROCFS_H

/*
 * Opens a file below /proc for writing; path begins with "/proc/". What is at /proc has to be the root of a procfs, and
 * no other mount may lie between. Where nothing of the kind is at /proc, a procfs of its own serves. Returns the
 * descriptor or -1 with errno.
 */
int procfs_open(const char *path);

#endif
