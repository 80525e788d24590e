/* The mount steps of a Plan: mount(2) and the descriptor-based mount calls of Linux 5.2 and 5.12. */
#ifndef TSRUN_MOUNTS_H
#define TSRUN_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>

/* mount(2) onto the directory that target resolves to; all return 0 (or a descriptor) or -1 with errno. */
int mount_filesystem(const char *source, const char *target, const char *type, unsigned long flags, const char *data);

/* An overlay of any number of layers, topmost first (fsconfig(2) "lowerdir+", Linux 6.8); options are key=value. */
int mount_overlay(char **lower, const char *upper, const char *work, const char *target, char **options);

/* open_tree(2): a detached copy of the mount at path; with `within` path is relative to it and never leads out of it. */
int mount_open_tree(const char *path, bool recursive, const char *within);

/* The same of a path as it is below another root directory, by way of chroot(2). */
int mount_open_tree_from(int root, const char *path, bool recursive);

/* mount_setattr(2) MOUNT_ATTR_IDMAP: owners in this detached mount are seen as the user namespace maps them. */
int mount_map_ids(int tree, int user_namespace, bool recursive);

/* move_mount(2): attaches a detached mount at target. A slot that stayed empty (-1) is ENOENT. */
int mount_move(int tree, const char *target);

/* mount_setattr(2); propagation is MS_PRIVATE, MS_SLAVE, MS_SHARED or 0. */
int mount_set_attributes(const char *target, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive);

/* The same of the mount that a descriptor refers to, attached or not. */
int mount_set_tree_attributes(int tree, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive);

/* Propagation of the mount that an absolute path lies on, wherever that begins. */
int mount_set_parent_propagation(const char *path, uint64_t propagation);

/* Hides what is at path: an empty read-only tmpfs over a directory, /dev/null over anything else. */
int mount_mask(const char *path);

/* Binds the terminal behind fd over path. */
int mount_console(int fd, const char *path);

#endif
