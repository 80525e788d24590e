/* Whether a Plan (include/plan.h) may be executed: what it says about itself is not believed. */
#ifndef TSRUN_PLAN_CHECK_H
#define TSRUN_PLAN_CHECK_H

#include <stddef.h>
#include <stdint.h>

/*
 * Looks at the header and at every argument of every step: executing a Plan that has passed reads and writes nothing
 * outside of its buffer, which is aligned as a page or malloc(3) is, nor outside of the slots. Returns 0, or EINVAL with
 * the step that is wrong (0 where it is the header). Whether the kernel will take the numbers is not asked.
 */
int plan_check(const char *base, size_t size, uint32_t *step);

#endif
