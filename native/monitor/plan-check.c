#include "plan-check.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdbool.h>

#include "plan.h"

/* What an argument is; what the list below leaves out is a number. */
enum kind {
	NUMBER,
	STRING,
	STRING_OR_NONE,
	STRING_AS_BEFORE, /* is one where the argument before it is */
	TABLE,
	SLOT,
	SLOT_OR_NONE,
	/* Binary data; the next argument counts its elements. */
	BYTES,
	BYTES_OR_NONE,
	GROUPS,
	FILTER,
};

static const unsigned char kinds[][PLAN_ARGS] = {
	[OP_CLONE] = { NUMBER, SLOT_OR_NONE, STRING_OR_NONE, STRING_AS_BEFORE },
	[OP_SETNS] = { SLOT },
	[OP_UNSHARE] = { NUMBER },
	[OP_WAIT] = { SLOT_OR_NONE },
	[OP_WRITE_FILE] = { STRING, STRING },
	[OP_MOUNT] = { STRING_OR_NONE, STRING, STRING_OR_NONE, NUMBER, STRING_OR_NONE },
	[OP_MOUNT_OVERLAY] = { TABLE, STRING_OR_NONE, STRING_AS_BEFORE, STRING, TABLE },
	[OP_OPEN_TREE] = { STRING, SLOT, NUMBER, STRING_OR_NONE, SLOT_OR_NONE },
	[OP_MOVE_MOUNT] = { SLOT, STRING },
	[OP_MOUNT_SETATTR] = { STRING },
	[OP_PIVOT_ROOT] = { STRING, STRING },
	[OP_UMOUNT] = { STRING },
	[OP_CHDIR] = { STRING },
	[OP_MKDIR] = { STRING },
	[OP_TOUCH] = { STRING },
	[OP_MKNOD] = { STRING },
	[OP_CHOWN] = { STRING },
	[OP_SYMLINK] = { STRING, STRING },
	[OP_MASK] = { STRING },
	[OP_SETHOSTNAME] = { STRING },
	[OP_SETDOMAINNAME] = { STRING },
	[OP_LINK_UP] = { STRING },
	[OP_OPEN_PTY] = { NUMBER },
	[OP_BIND_CONSOLE] = { STRING },
	[OP_SETSID] = { NUMBER },
	[OP_SET_CONTROLLING_TERMINAL] = { NUMBER },
	[OP_DUP2] = { SLOT },
	[OP_CHOWN_STDIO] = { NUMBER },
	[OP_SETRLIMIT] = { NUMBER },
	[OP_UMASK] = { NUMBER },
	[OP_PRCTL] = { NUMBER },
	[OP_CAP_BOUNDING_SET] = { NUMBER },
	[OP_CAPSET] = { NUMBER },
	[OP_CAP_AMBIENT] = { NUMBER },
	[OP_SETGROUPS] = { GROUPS },
	[OP_SETRESGID] = { NUMBER },
	[OP_SETRESUID] = { NUMBER },
	[OP_SECCOMP] = { FILTER },
	[OP_CLOSE_RANGE] = { NUMBER },
	[OP_EXECVE] = { TABLE, TABLE, TABLE },
	[OP_IDMAP] = { SLOT, SLOT },
	[OP_OPEN_PATH] = { STRING, SLOT },
	[OP_FCHDIR] = { SLOT },
	[OP_CHROOT] = { STRING },
	[OP_TREE_SETATTR] = { SLOT },
	[OP_TIME_NAMESPACE] = { STRING_OR_NONE },
	[OP_MOUNT_TMPFS] = { STRING_OR_NONE, STRING, NUMBER, STRING_OR_NONE },
	[OP_PERSONALITY] = { NUMBER },
	[OP_IO_PRIORITY] = { NUMBER },
	[OP_SCHEDULER] = { NUMBER },
	[OP_CPU_AFFINITY] = { BYTES },
	[OP_SESSION_KEYRING] = { STRING_OR_NONE },
	[OP_FIND_PROGRAM] = { TABLE },
	[OP_MOVE_ROOT] = { NUMBER },
	[OP_ENSURE_DIRECTORY] = { STRING },
	[OP_PARENT_PROPAGATION] = { STRING },
	[OP_CLOSE] = { SLOT },
	[OP_REOPEN_NULL] = { NUMBER },
	[OP_MOUNT_POINT] = { SLOT, STRING },
	[OP_MEMORY_POLICY] = { NUMBER, BYTES_OR_NONE },
	[OP_FORK] = { NUMBER },
	[OP_SET_FS_IDS] = { NUMBER },
	[OP_CHOWN_STREAM] = { SLOT },
};

struct plan {
	const char *base;
	uint64_t size;
	uint64_t data;       /* where strings, tables and binary data begin */
	uint64_t tables_end; /* of those seen so far */
	bool forked, cloned;
};

/* The buffer's last byte is a NUL, and executing the Plan leaves it one: wherever a string begins, it ends. */
static bool is_string(const struct plan *plan, uint64_t offset)
{
	return offset >= plan->data && offset < plan->size;
}

/*
 * A table is turned into pointers in place, so none may be part of another. The steps before clone cannot have any: of
 * a health check's Plan they are executed again and again in the same memory. What forks is no health check's.
 */
static bool take_table(struct plan *plan, uint64_t offset)
{
	if (!(plan->cloned || plan->forked) || offset < plan->tables_end || offset % sizeof(uint64_t) != 0)
		return false;
	for (; offset <= plan->size - sizeof(uint64_t); offset += sizeof(uint64_t)) {
		uint64_t entry = *(const uint64_t *)(plan->base + offset);

		if (entry == 0) {
			plan->tables_end = offset + sizeof(entry);
			return true;
		}
		if (!is_string(plan, entry))
			return false;
	}
	return false;
}

static bool is_array(const struct plan *plan, const uint64_t *arg, size_t element)
{
	return arg[0] >= plan->data && arg[0] <= plan->size && arg[1] <= (plan->size - arg[0]) / element;
}

static bool is_sound(struct plan *plan, const uint64_t *arg, enum kind kind)
{
	switch (kind) {
	case NUMBER:
		return true;
	case STRING:
		return is_string(plan, *arg);
	case STRING_OR_NONE:
		return *arg == 0 || is_string(plan, *arg);
	case STRING_AS_BEFORE:
		return arg[-1] == 0 ? *arg == 0 : is_string(plan, *arg);
	case TABLE:
		return take_table(plan, *arg);
	case SLOT:
		return *arg < PLAN_SLOTS;
	case SLOT_OR_NONE:
		return *arg < PLAN_SLOTS || *arg == SLOT_NONE;
	case BYTES:
		return is_array(plan, arg, 1);
	case BYTES_OR_NONE:
		return *arg == 0 || is_array(plan, arg, 1);
	case GROUPS:
		return is_array(plan, arg, sizeof(uint32_t));
	case FILTER:
		/* struct sock_fprog has 16 bits for the count: a longer filter would be another one. */
		return is_array(plan, arg, sizeof(struct sock_filter)) && arg[1] <= BPF_MAXINSNS;
	}
	return false;
}

static bool check_step(struct plan *plan, const struct plan_step *step)
{
	if (step->op < OP_CLONE || step->op >= sizeof(kinds) / sizeof(*kinds))
		return false;
	/* The child of a second clone would take its parent for the monitor. */
	if (step->op == OP_CLONE && plan->cloned)
		return false;
	if (step->op == OP_FORK && (plan->forked || plan->cloned))
		return false;
	for (int i = 0; i < PLAN_ARGS; i++)
		if (!is_sound(plan, &step->arg[i], kinds[step->op][i]))
			return false;
	plan->cloned = plan->cloned || step->op == OP_CLONE;
	plan->forked = plan->forked || step->op == OP_FORK;
	return true;
}

int plan_check(const char *base, size_t size, uint32_t *step)
{
	const struct plan_header *header = (const struct plan_header *)base;
	const struct plan_step *steps = (const struct plan_step *)(header + 1);

	*step = 0;
	if (size < sizeof(*header) || header->magic != PLAN_MAGIC || header->version != PLAN_VERSION || header->size != size ||
	    header->step_count == 0 || header->step_count > (size - sizeof(*header)) / sizeof(*steps) || base[size - 1] != '\0')
		return EINVAL;

	uint64_t data = sizeof(*header) + header->step_count * sizeof(*steps);
	struct plan plan = { .base = base, .size = size, .data = data, .tables_end = data };

	for (*step = 0; *step < header->step_count; ++*step)
		if (!check_step(&plan, &steps[*step]))
			return EINVAL;
	--*step;
	return plan.cloned && steps[*step].op == OP_EXECVE ? 0 : EINVAL;
}
