/*
 * The binary form of a Plan, shared by the encoder (src/runtime/plan/encode.ts) and the interpreter
 * (monitor/interpreter.c). What a step means is told in src/runtime/plan/plan.ts.
 *
 *     header | step[step_count] | strings, string tables and blobs
 *
 * Little endian, every offset from the start of the buffer; offset 0 stands for "none", since the header is there.
 * A string is NUL-terminated. A string table is an array of u64 offsets ended by 0, which the interpreter turns into
 * pointers in place: the buffer is mapped private and writable, so that executing a Plan allocates nothing.
 *
 * A unit test compares the operation codes below with the encoder's.
 */
#ifndef TSRUN_PLAN_H
#define TSRUN_PLAN_H

#include <stdint.h>

#define PLAN_MAGIC 0x4e414c50u /* "PLAN" */
#define PLAN_VERSION 1u
#define PLAN_ARGS 8
#define PLAN_SLOTS 256

/* Slots that the monitor fills itself; the launcher's and the steps' own start at 0. */
#define SLOT_STDIN 253
#define SLOT_STDOUT 254
#define SLOT_STDERR 255
#define SLOT_NONE UINT64_MAX

struct plan_header {
	uint32_t magic;
	uint32_t version;
	uint32_t step_count;
	uint32_t size;
};

struct plan_step {
	uint32_t op;
	uint16_t tolerate[2]; /* errno values that do not matter at this step; 0: none */
	uint64_t arg[PLAN_ARGS];
};

enum plan_op {
	OP_CLONE = 1,               /* flags, cgroup slot, uid map, gid map */
	OP_SETNS = 2,               /* slot, flags */
	OP_UNSHARE = 3,             /* flags */
	OP_WAIT = 4,                /* slot */
	OP_WRITE_FILE = 5,          /* path, data */
	OP_MOUNT = 6,               /* source, target, fstype, flags, data */
	OP_MOUNT_OVERLAY = 7,       /* lower table, upper, work, target, option table */
	OP_OPEN_TREE = 8,           /* path, slot, recursive, within, root slot */
	OP_MOVE_MOUNT = 9,          /* slot, target */
	OP_MOUNT_SETATTR = 10,      /* target, set, clear, propagation, recursive */
	OP_PIVOT_ROOT = 11,         /* new root, put old */
	OP_UMOUNT = 12,             /* target, flags */
	OP_CHDIR = 13,              /* path, retry */
	OP_MKDIR = 14,              /* path, mode */
	OP_TOUCH = 15,              /* path, mode */
	OP_MKNOD = 16,              /* path, mode with type, major, minor */
	OP_CHOWN = 17,              /* path, uid, gid */
	OP_SYMLINK = 18,            /* target, path */
	OP_MASK = 19,               /* path */
	OP_SETHOSTNAME = 20,        /* name */
	OP_SETDOMAINNAME = 21,      /* name */
	OP_LINK_UP = 22,            /* link */
	OP_OPEN_PTY = 23,           /* rows, columns */
	OP_BIND_CONSOLE = 24,       /* path */
	OP_SETSID = 25,             /* */
	OP_SET_CONTROLLING_TERMINAL = 26, /* */
	OP_DUP2 = 27,               /* slot, descriptor */
	OP_CHOWN_STDIO = 28,        /* uid */
	OP_SETRLIMIT = 29,          /* resource, soft, hard */
	OP_UMASK = 30,              /* mask */
	OP_PRCTL = 31,              /* option, value */
	OP_CAP_BOUNDING_SET = 32,   /* mask of capabilities to keep */
	OP_CAPSET = 33,             /* effective, permitted, inheritable masks */
	OP_CAP_AMBIENT = 34,        /* mask of capabilities to raise */
	OP_SETGROUPS = 35,          /* blob of u32 gids, count */
	OP_SETRESGID = 36,          /* gid */
	OP_SETRESUID = 37,          /* uid */
	OP_SECCOMP = 38,            /* blob of struct sock_filter, count, flags */
	OP_CLOSE_RANGE = 39,        /* first descriptor */
	OP_EXECVE = 40,             /* candidates table, argv table, envp table */
	OP_IDMAP = 41,              /* slot, user namespace slot, recursive, by the launcher */
	OP_OPEN_PATH = 42,          /* path, slot */
	OP_FCHDIR = 43,             /* slot */
	OP_CHROOT = 44,             /* path */
	OP_TREE_SETATTR = 45,       /* slot, set, clear, propagation, recursive */
	OP_TIME_NAMESPACE = 46,     /* offsets */
	OP_MOUNT_TMPFS = 47,        /* source, target, flags, data, copy up */
	OP_PERSONALITY = 48,        /* persona */
	OP_IO_PRIORITY = 49,        /* class and priority */
	OP_SCHEDULER = 50,          /* policy, flags, nice, priority, runtime, deadline, period */
	OP_CPU_AFFINITY = 51,       /* blob of a CPU mask, bytes */
	OP_SESSION_KEYRING = 52,    /* name */
	OP_FIND_PROGRAM = 53,       /* candidates table */
	OP_MOVE_ROOT = 54,          /* */
	OP_ENSURE_DIRECTORY = 55,   /* path */
	OP_PARENT_PROPAGATION = 56, /* path, propagation */
	OP_CLOSE = 57,              /* slot */
	OP_REOPEN_NULL = 58,        /* */
	OP_MOUNT_POINT = 59,        /* slot, path */
	OP_MEMORY_POLICY = 60,      /* mode and flags, nodes mask, bytes in it */
	OP_FORK = 61,               /* */
	OP_SET_FS_IDS = 62,         /* uid, gid */
	OP_CHOWN_STREAM = 63,       /* slot, uid */
};

#endif
