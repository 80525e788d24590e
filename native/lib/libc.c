/*
 * Functions of the C library for src/kernel/libc.ts: each returns what its namesake does, but -errno where that fails.
 * errno belongs to a thread, and JavaScript would ask for it by a second call, before which V8, libuv or koffi may have
 * made others on the same thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* A function by its result, its name, its parameters, and their names. */
#define FUNCTION(type, name, parameters, ...)                   \
	type tsrun_##name parameters                            \
	{                                                       \
		type result = name(__VA_ARGS__);                \
                                                                \
		return result < 0 ? -errno : result;            \
	}

/* The same of a system call that not every C library has a function for, syscall(2). */
#define SYSTEM_CALL(name, parameters, ...)                      \
	long tsrun_##name parameters                            \
	{                                                       \
		long result = syscall(SYS_##name, __VA_ARGS__); \
                                                                \
		return result < 0 ? -errno : result;            \
	}

FUNCTION(int, clock_gettime, (clockid_t clock, struct timespec *time), clock, time)
FUNCTION(ssize_t, getrandom, (void *buffer, size_t size, unsigned flags), buffer, size, flags)
FUNCTION(pid_t, waitpid, (pid_t pid, int *status, int options), pid, status, options)

/* Descriptors. */
FUNCTION(int, fcntl, (int fd, int operation, int argument), fd, operation, argument)
FUNCTION(int, flock, (int fd, int operation), fd, operation)
FUNCTION(int, fstatfs, (int fd, struct statfs *buffer), fd, buffer)
FUNCTION(int, futimens, (int fd, const struct timespec *times), fd, times)
FUNCTION(int, ioctl, (int fd, unsigned long operation, int *argument), fd, operation, argument)
FUNCTION(int, memfd_create, (const char *name, unsigned flags), name, flags)
FUNCTION(int, pipe2, (int *ends, int flags), ends, flags)
FUNCTION(int, posix_fadvise, (int fd, off_t offset, off_t size, int advice), fd, offset, size, advice)
FUNCTION(int, sync_file_range, (int fd, off_t offset, off_t size, unsigned flags), fd, offset, size, flags)
FUNCTION(int, syncfs, (int fd), fd)
SYSTEM_CALL(pidfd_getfd, (int pidfd, int fd, unsigned flags), pidfd, fd, flags)
SYSTEM_CALL(pidfd_open, (pid_t pid, unsigned flags), pid, flags)
SYSTEM_CALL(pidfd_send_signal, (int pidfd, int signal, siginfo_t *info, unsigned flags), pidfd, signal, info, flags)

/* Files by their paths. */
FUNCTION(int, mknod, (const char *path, mode_t mode, dev_t device), path, mode, device)
FUNCTION(ssize_t, readlinkat, (int dirfd, const char *path, char *buffer, size_t size), dirfd, path, buffer, size)
FUNCTION(int, utimensat, (int dirfd, const char *path, const struct timespec *times, int flags), dirfd, path, times, flags)
SYSTEM_CALL(open_tree, (int dirfd, const char *path, unsigned flags), dirfd, path, flags)
SYSTEM_CALL(openat2, (int dirfd, const char *path, const void *how, size_t size), dirfd, path, how, size)

/* Extended attributes. */
FUNCTION(ssize_t, fgetxattr, (int fd, const char *name, void *value, size_t size), fd, name, value, size)
FUNCTION(int, fsetxattr, (int fd, const char *name, const void *value, size_t size, int flags), fd, name, value, size, flags)
FUNCTION(ssize_t, getxattr, (const char *path, const char *name, void *value, size_t size), path, name, value, size)
FUNCTION(ssize_t, lgetxattr, (const char *path, const char *name, void *value, size_t size), path, name, value, size)
FUNCTION(ssize_t, listxattr, (const char *path, char *list, size_t size), path, list, size)
FUNCTION(ssize_t, llistxattr, (const char *path, char *list, size_t size), path, list, size)
FUNCTION(int, lremovexattr, (const char *path, const char *name), path, name)
FUNCTION(int, lsetxattr, (const char *path, const char *name, const void *value, size_t size, int flags), path, name, value, size, flags)

/* Sockets. */
FUNCTION(int, bind, (int fd, const void *address, socklen_t length), fd, address, length)
FUNCTION(int, connect, (int fd, const void *address, socklen_t length), fd, address, length)
FUNCTION(int, getsockname, (int fd, void *address, socklen_t *length), fd, address, length)
FUNCTION(int, listen, (int fd, int backlog), fd, backlog)
FUNCTION(ssize_t, recv, (int fd, void *buffer, size_t size, int flags), fd, buffer, size, flags)
FUNCTION(ssize_t, send, (int fd, const void *buffer, size_t size, int flags), fd, buffer, size, flags)
FUNCTION(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t length), fd, level, name, value, length)
FUNCTION(int, shutdown, (int fd, int how), fd, how)
FUNCTION(int, socket, (int domain, int type, int protocol), domain, type, protocol)
FUNCTION(int, socketpair, (int domain, int type, int protocol, int *pair), domain, type, protocol, pair)

/* Mounts, and programs for the kernel. */
FUNCTION(int, mount, (const char *source, const char *target, const char *type, unsigned long flags, const void *data), source, target, type, flags, data)
FUNCTION(int, umount2, (const char *target, int flags), target, flags)
SYSTEM_CALL(bpf, (int command, void *attributes, unsigned size), command, attributes, size)
SYSTEM_CALL(mount_setattr, (int dirfd, const char *path, unsigned flags, void *attributes, size_t size), dirfd, path, flags, attributes, size)
SYSTEM_CALL(seccomp, (unsigned operation, unsigned flags, void *arguments), operation, flags, arguments)
