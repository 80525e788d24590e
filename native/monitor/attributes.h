/* Attributes of the process that execve(2) keeps: scheduling, personality, keyring. All return 0 or -1 with errno. */
#ifndef TSRUN_ATTRIBUTES_H
#define TSRUN_ATTRIBUTES_H

#include <stdint.h>

/* personality(2). */
int attribute_personality(uint64_t persona);

/* ioprio_set(2): class << 13 | priority. */
int attribute_io_priority(uint64_t value);

/* sched_setattr(2): policy, flags, nice, priority, runtime, deadline, period. */
int attribute_scheduler(const uint64_t *arg);

/* set_mempolicy(2): mode with its flags, and a mask of nodes or NULL. */
int attribute_memory_policy(uint64_t mode, const void *nodes, uint64_t bytes);

/* keyctl(2): joins a new session keyring of this name, which the container's user may search. ENOSYS does not matter. */
int attribute_session_keyring(const char *name);

#endif
