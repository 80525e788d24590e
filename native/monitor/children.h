/*
 * More than what was started here becomes this process's to wait for: threads of a container that name their parent their
 * tracer (PTRACE_TRACEME, ptrace(2)), and what a process that was brought into one starts as its sibling (CLONE_PARENT,
 * clone(2)). As long as they are not waited for, a container's first process cannot end, whatever kills it. So all of
 * them are, and none stays stopped for a tracer that this is not.
 */
#ifndef TSRUN_CHILDREN_H
#define TSRUN_CHILDREN_H

#include <sys/types.h>

/* Begins to be told of children. Returns a descriptor that is readable when children_reap() has something to do, or -1. */
int children_watch(void);

/* A child for which children_wait() is going to be called; two at a time. */
void children_expect(pid_t pid);

/* Waits for all that have ended. */
void children_reap(void);

/* Waits until a child that is expected has ended. Returns its status as wait(2) has it, 0 where it is none. */
int children_wait(pid_t pid);

#endif
