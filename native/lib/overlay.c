/*
 * A container's root filesystem as a descriptor, seen by nobody else: a mount that is attached to no directory lives
 * as long as its descriptor (open_tree(2)), so whatever becomes of this process, nothing is left behind.
 *
 * A mount can be made by its overlay's relative paths, and joined with others, only where it is attached. That is
 * done in a mount namespace of its own, by a short-lived thread: unshare(2) and setns(2) change the calling thread
 * only, and Node's main thread must stay where it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

struct view {
	int enter; /* a mount namespace whose root is wanted, or -1 for an overlay */
	const char *directory, *target; /* of the overlay: working directory, and where it is attached meanwhile */
	const char *data; /* options of mount(2), or NULL for what is too long for them: */
	const char **lower, *upper, *work;
	int user_xattr; /* option "userxattr": the only one of overlayfs's attributes for who is not the host's root */
	const char **binds;
	int tree; /* out: descriptor, or -errno of what failed */
};

static int close_keeping_errno(int fd, int result)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return result;
}

static int clone_tree(const char *path, unsigned int flags)
{
	return (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);
}

static int attach(int tree, int target)
{
	return (int)syscall(SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static int configure(int fs, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0);
}

/* Layer by layer ("lowerdir+", Linux 6.7): mount(2) takes one page of options. */
static int overlay_of_many(const struct view *view)
{
	int fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);

	if (fs < 0)
		return -1;
	for (const char **lower = view->lower; *lower; lower++)
		if (configure(fs, "lowerdir+", *lower) < 0)
			return close_keeping_errno(fs, -1);
	if (view->upper && (configure(fs, "upperdir", view->upper) < 0 || configure(fs, "workdir", view->work) < 0))
		return close_keeping_errno(fs, -1);
	if (view->user_xattr && syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
		return close_keeping_errno(fs, -1);
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return close_keeping_errno(fs, -1);
	int tree = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
				MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	close_keeping_errno(fs, 0);
	if (tree < 0)
		return -1;
	int target = open(view->target, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target < 0)
		return close_keeping_errno(tree, -1);
	return close_keeping_errno(tree, close_keeping_errno(target, attach(tree, target)));
}

/* A copy of the mount at source, which a directory that is not empty ("") keeps from leading out of it. */
static int open_source(const char *source, const char *within)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };

	if (within[0] == '\0')
		return clone_tree(source, AT_RECURSIVE);
	int directory = open(within, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return -1;
	int file = (int)syscall(SYS_openat2, directory, source, &how, sizeof(how));
	close_keeping_errno(directory, 0);
	if (file < 0)
		return -1;
	int tree = (int)syscall(SYS_open_tree, file, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);
	return close_keeping_errno(file, tree);
}

/* One bind mount: where it goes is looked up inside the container's root, whatever links lead there. */
static int bind_one(int root, const char *source, const char *within, const char *path, int read_only)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };
	int target = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

	if (target < 0)
		return errno == ENOENT ? 0 : -1; /* never started: there is no mount point yet */
	int tree = open_source(source, within);
	if (tree < 0)
		return close_keeping_errno(target, -1);
	int result = 0;
	if (read_only)
		result = (int)syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
				      sizeof(attributes));
	if (result == 0)
		result = attach(tree, target);
	return close_keeping_errno(tree, close_keeping_errno(target, result));
}

/* Four strings each: source, the directory it is in or "", path in the container, and "ro" or "rw". */
static int bind_all(const struct view *view)
{
	int root = open(view->target, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return -1;
	for (const char **bind = view->binds; *bind; bind += 4)
		if (bind_one(root, bind[0], bind[1], bind[2], strcmp(bind[3], "ro") == 0) < 0)
			return close_keeping_errno(root, -1);
	return close_keeping_errno(root, 0);
}

static int open_overlay(const struct view *view)
{
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    chdir(view->directory) != 0)
		return -1;
	if (view->data ? mount("overlay", view->target, "overlay", MS_NOSUID | MS_NODEV | MS_NOEXEC, view->data) : overlay_of_many(view))
		return -1;
	if (bind_all(view) < 0)
		return -1;
	int tree = clone_tree(view->target, AT_RECURSIVE);
	/* The namespace goes some time after its thread: until then it would keep the overlay's directories in use. */
	if (tree >= 0 && umount2(view->target, MNT_DETACH) != 0)
		return close_keeping_errno(tree, -1);
	return tree;
}

static int open_root(int namespace)
{
	/* setns(2) does not let a thread change its mount namespace that shares its working directory with others. */
	if (unshare(CLONE_FS) != 0 || setns(namespace, CLONE_NEWNS) != 0)
		return -1;
	return clone_tree("/", 0);
}

static void *make(void *argument)
{
	struct view *view = argument;

	view->tree = view->enter >= 0 ? open_root(view->enter) : open_overlay(view);
	if (view->tree < 0)
		view->tree = -errno;
	return NULL;
}

static int run_in_thread(struct view *view)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, make, view);

	if (error != 0)
		return -error;
	pthread_join(thread, NULL);
	return view->tree;
}

/*
 * Mounts an overlay, relative to directory, with the binds on it. `data` are mount(2)'s options, or NULL: then lower,
 * upper and work are the layers one by one. target is an empty directory. Returns a descriptor or -errno.
 */
int tsrun_overlay_open(const char *directory, const char *target, const char *data, const char **lower,
		       const char *upper, const char *work, int user_xattr, const char **binds)
{
	struct view view = { .enter = -1, .directory = directory, .target = target, .data = data, .lower = lower,
			     .upper = upper, .work = work, .user_xattr = user_xattr, .binds = binds, .tree = -1 };

	return run_in_thread(&view);
}

/* The root of a mount namespace, without what is mounted below it. Returns a descriptor or -errno. */
int tsrun_root_open(int namespace)
{
	struct view view = { .enter = namespace, .tree = -1 };

	return run_in_thread(&view);
}
