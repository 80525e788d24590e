/*
 * Path resolution for the steps of a Plan that run inside the container's root, where every name is hostile input.
 *
 * After pivot_root(2) the process's root is the container's, so an absolute symbolic link stays inside it. What could
 * still lead out is a magic link of /proc (/proc/self/fd/N, see CVE-2024-21626): every lookup here goes through
 * openat2(2) with RESOLVE_NO_MAGICLINKS, and the descriptor that it gives is what is used.
 */
#ifndef TSRUN_PATHS_H
#define TSRUN_PATHS_H

#include <sys/types.h>

/* O_PATH descriptor of an existing path; extra is O_DIRECTORY or 0. Returns the descriptor or -1 with errno. */
int path_open(const char *path, int extra);

/*
 * O_PATH descriptor of a path below a directory that others may fill: a link in it that leads out, or is absolute, is
 * EXDEV. Returns the descriptor or -1 with errno.
 */
int path_open_beneath(const char *directory, const char *path);

/*
 * Makes a directory and all that is missing above it, following symbolic links, dangling ones included.
 * Returns an O_PATH descriptor of it or -1 with errno.
 */
int path_make_directory(const char *path, mode_t mode);

/* Makes a directory that no symbolic link may lead to: ELOOP where one does. Returns 0 or -1 with errno. */
int path_ensure_directory(const char *path);

/* Makes an empty file where nothing is, and its directories. Returns 0 or -1 with errno. */
int path_make_file(const char *path, mode_t mode);

/*
 * Opens the directory that holds the path's last component, which it points *leaf at.
 * Returns an O_PATH descriptor or -1 with errno.
 */
int path_open_parent(const char *path, const char **leaf);

#endif
