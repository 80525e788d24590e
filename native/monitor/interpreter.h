/*
 * Executes a Plan (include/plan.h). Everything here runs in a single thread, allocates nothing and takes no lock:
 * the second half of a Plan runs in a child that clone3(2) has just copied from the monitor.
 */
#ifndef TSRUN_INTERPRETER_H
#define TSRUN_INTERPRETER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "plan.h"

#define PLAN_PARENTS_OWN 4

struct plan_context {
	char *base; /* the Plan's buffer */
	int slots[PLAN_SLOTS];
	int channel;       /* the child's end of its socket to the monitor; -1 once it belongs to nobody */
	int monitor_end;   /* the other end, which the child closes */
	int parents_own[PLAN_PARENTS_OWN]; /* further descriptors that the child closes … */
	int parents_own_count;             /* … and how many there are */
	int pidfd;         /* of the child, in the monitor, after OP_CLONE */
	pid_t child;       /* in the monitor, after OP_CLONE */
	bool in_child;
	const char *program; /* what the last OP_EXECVE was to execute, by its first argument; NULL before */
	bool for_parent;   /* the child is to be that of this process's parent (CLONE_PARENT) */
	int between_error; /* of the steps in the process between this one and the child */
	void (*report)(int error); /* in the child: says why it ends, and ends it */
	bool chdir_failed; /* at the last OP_CHDIR */
	uint32_t step;     /* the step being executed: on failure, the one that failed */
};

/*
 * Maps the Plan in descriptor fd, which nobody may change any more, and checks it (plan-check.h). Returns 0 or an errno
 * value; context->step is the step that is wrong.
 */
int plan_load(struct plan_context *context, int fd);

/*
 * Runs the steps. In the monitor it returns 0 after OP_CLONE with context->child set, or the errno value of the step
 * that failed. In the child it returns only when a step failed, with its errno value.
 */
int plan_run(struct plan_context *context);

/*
 * The same, but the steps up to OP_CLONE are executed by a short-lived child that shares memory and descriptors with this
 * process, and whose child becomes this process's (CLONE_PARENT): what they do to a process's namespaces and credentials
 * is not done to this one. OP_FORK has it so for the steps after it. Where the container's process fails, it calls report.
 */
int plan_run_between(struct plan_context *context);

#endif
