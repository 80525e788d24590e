/*
 * Paths in a root filesystem that has any links: what is made for a mount is where its path leads to inside that root,
 * what is to be beneath a directory is, and no descriptor stays. The kernel is the real one: every input has a directory of
 * a tmpfs for its root, in a mount namespace that goes with this process.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "paths.h"
#include "tmpfs.h"

#define PLACE "/sys" /* what the tmpfs covers: nobody here needs it */
#define INPUTS 256   /* that share a tmpfs */
#define ACTS 64

enum act { DIRECTORY, LINK, LINK_TOO, MAKE_DIRECTORY, MAKE_FILE, ENSURE_DIRECTORY, PARENT, BENEATH, TMPFS };

static int outside = -1, home = -1; /* the process's own root and working directory */
static bool is_mounted;

static int lowest_free_descriptor(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static void enter(const char *root)
{
	if (chdir(root) < 0 || chroot(".") < 0)
		abort();
}

static void leave(void)
{
	if (fchdir(outside) < 0 || chroot(".") < 0 || fchdir(home) < 0)
		abort();
}

/* A finding is written down outside. */
#undef REQUIRE
#define REQUIRE(condition)                \
	do {                              \
		if (!(condition)) {       \
			leave();          \
			__builtin_trap(); \
		}                         \
	} while (0)

/* Few names, so that they meet, and what is special in a path. */
static void read_path(struct input *input, char path[2 * PATH_MAX])
{
	static char longest[NAME_MAX + 2];
	const char *const words[] = { "/", "/", "a", "b", "c", ".", "..", longest };
	size_t words_left = input_byte(input) % 32, length = 0;

	memset(longest, 'x', sizeof(longest) - 1);
	for (path[0] = '\0'; words_left > 0 && input->left > 0; words_left--) {
		uint8_t byte = input_byte(input);
		const char *word = words[byte & 7];

		longest[NAME_MAX] = byte & 0x80 ? 'x' : '\0';
		length += (size_t)snprintf(path + length, 2 * PATH_MAX - length, "%s%s", word, byte & 8 ? "/" : "");
	}
}

/* Whether it is there, and a directory; of what is too long for the kernel's calls nobody can tell. */
static bool is_there(const char *path, bool directory)
{
	struct stat info;

	return strlen(path) >= PATH_MAX || (stat(path[0] ? path : ".", &info) == 0 && (!directory || S_ISDIR(info.st_mode)));
}

/* What the descriptors lead to, seen from outside; of what is deeper than a path may be long (proc_pid_fd(5)) nobody can tell. */
static bool is_beneath(int fd, int directory)
{
	char name[32], inner[2 * PATH_MAX], outer[2 * PATH_MAX];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	ssize_t inner_length = readlink(name, inner, sizeof(inner));
	if (inner_length < 0 && errno == ENAMETOOLONG)
		return true;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", directory);
	ssize_t outer_length = readlink(name, outer, sizeof(outer));
	return outer_length > 0 && inner_length >= outer_length && memcmp(inner, outer, (size_t)outer_length) == 0 &&
	       (inner_length == outer_length || inner[outer_length] == '/');
}

static void open_beneath(const char *root, const char *within, const char *path)
{
	int directory = open(within, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = path_open_beneath(within, path);

	REQUIRE(directory >= 0 || fd < 0);
	if (fd >= 0) {
		leave();
		REQUIRE(is_beneath(fd, directory));
		enter(root);
		close(fd);
	}
	if (directory >= 0)
		close(directory);
}

static void act(const char *root, struct input *input)
{
	static char path[2 * PATH_MAX], target[2 * PATH_MAX];
	enum act what = input_byte(input) % (TMPFS + 1);
	const char *leaf;
	int fd = -1;

	read_path(input, path);
	switch (what) {
	case DIRECTORY:
		mkdir(path, 0700);
		return;
	case LINK:
	case LINK_TOO:
		read_path(input, target);
		if (symlink(target, path) < 0)
		return;
	case MAKE_DIRECTORY:
		fd = path_make_directory(path, 0755);
		REQUIRE(fd < 0 || is_there(path, true));
		break;
	case MAKE_FILE:
		REQUIRE(path_make_file(path, 0644) < 0 || is_there(path, false));
		break;
	case ENSURE_DIRECTORY:
		REQUIRE(path_ensure_directory(path) < 0 || is_there(path, true));
		break;
	case PARENT:
		fd = path_open_parent(path, &leaf);
		REQUIRE(fd < 0 || (leaf >= path && leaf <= path + strlen(path) && strchr(leaf, '/') == NULL));
		break;
	case BENEATH:
		read_path(input, target);
		open_beneath(root, path, target);
		break;
	case TMPFS:
		tmpfs_mount("tmpfs", path, MS_NOSUID, input_byte(input) & 1 ? "size=1m" : NULL, input_byte(input) & 1);
		break;
	}
	if (fd >= 0)
		close(fd);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	if (unshare(CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		perror("this target needs a mount namespace");
		exit(1);
	}
	outside = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	home = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	static unsigned inputs;
	char root[64];

	if (inputs++ % INPUTS == 0) {
		if (is_mounted)
			umount2(PLACE, MNT_DETACH);
		is_mounted = mount("tmpfs", PLACE, "tmpfs", 0, NULL) == 0;
		REQUIRE(is_mounted);
	}
	snprintf(root, sizeof(root), PLACE "/%u", inputs);
	REQUIRE(mkdir(root, 0755) == 0);
	int before = lowest_free_descriptor();
	enter(root);
	for (int acts = 0; input.left > 0 && acts < ACTS; acts++)
		act(root, &input);
	leave();
	REQUIRE(lowest_free_descriptor() == before);
	return 0;
}
