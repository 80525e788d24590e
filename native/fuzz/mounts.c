/*
 * The interpreter's mounts, of any words, where any call fails: no descriptor is lost, none is closed twice, errno is that of
 * the call that failed, and nothing goes on in the wrong root.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fuzz.h"
#include "mounts.h"
#include "paths.h"

#define FIRST_FD 100
#define MAX_FDS 64
#define MAX_WORDS 32
#define ROOT 50 /* a descriptor of the caller's */

static jmp_buf gone;
static struct input input;
static bool is_open[MAX_FDS], in_other_root;
static int next_fd, working_directory;
static int kept = -1; /* the filesystem that hides directories, which stays for the next one */

static int result(int value)
{
	uint8_t how = input_byte(&input);

	if (how < 0xe0)
		return value;
	errno = how == 0xff ? EINVAL : how - 0xdf;
	if (errno == EIO)
		errno = EPERM;
	return -1;
}

static int open_fd(void)
{
	REQUIRE(next_fd < MAX_FDS - 1);
	if (result(0) < 0)
		return -1;
	if (next_fd == kept)
		next_fd++;
	is_open[next_fd] = true;
	return FIRST_FD + next_fd++;
}

static void used(int fd)
{
	REQUIRE(fd == AT_FDCWD || fd == ROOT || (fd >= FIRST_FD && fd < FIRST_FD + MAX_FDS && is_open[fd - FIRST_FD]));
}

static int fake_close(int fd)
{
	used(fd);
	REQUIRE(fd >= FIRST_FD);
	is_open[fd - FIRST_FD] = false;
	errno = EIO; /* whoever needs the one before keeps it */
	return 0;
}

static size_t read_string(const char *text)
{
	return text ? strlen(text) : 0;
}

static long fake_syscall(long number, long first, long second, long third, long fourth, long fifth)
{
	if (number != SYS_fsopen)
		used((int)first);
	switch (number) {
	case SYS_fsopen:
	case SYS_fsmount:
		return open_fd();
	case SYS_open_tree:
		read_string((const char *)second);
		return open_fd();
	case SYS_fsconfig:
		read_string((const char *)third);
		read_string((const char *)fourth);
		return result(0);
	case SYS_move_mount:
		used((int)third);
		return result(0);
	case SYS_mount_setattr:
		REQUIRE(fifth == sizeof(struct mount_attr));
		return result(0);
	}
	__builtin_trap();
}

static int fake_fstat(int fd, struct stat *info)
{
	uint8_t how = input_byte(&input);

	used(fd);
	*info = (struct stat){ .st_mode = how & 1 ? S_IFDIR : how & 2 ? S_IFREG : S_IFCHR, .st_rdev = how & 4 ? makedev(1, 5) : makedev(1, 3) };
	return result(0);
}

static int fake_chroot(void)
{
	if (result(0) < 0)
		return -1;
	in_other_root = working_directory == ROOT;
	return 0;
}

static int fake_fchdir(int fd)
{
	used(fd);
	if (result(0) < 0)
		return -1;
	working_directory = fd;
	return 0;
}

int path_open(const char *path, int extra)
{
	(void)extra;
	read_string(path);
	return open_fd();
}

int path_open_beneath(const char *directory, const char *path)
{
	read_string(directory);
	read_string(path);
	return open_fd();
}

static int fake_mount(const char *target)
{
	read_string(target);
	return result(0);
}

#define syscall(...) fake_syscall(FIVE(__VA_ARGS__, 0, 0, 0))
#define FIVE(number, first, second, third, fourth, fifth, ...) number, (long)(first), (long)(second), (long)(third), (long)(fourth), (long)(fifth)
#define close(fd) fake_close(fd)
#define open(path, flags) open_fd()
#define fstat(fd, info) fake_fstat(fd, info)
#define chroot(path) fake_chroot()
#define fchdir(fd) fake_fchdir(fd)
#define mount(source, target, type, flags, data) fake_mount(target)
#define _exit(status) longjmp(gone, 1)

#include "../monitor/mounts.c"

static char *words[MAX_WORDS + 1];
static int word_count;

static char *word(void)
{
	return words[input_byte(&input) % word_count];
}

/* Some of the words that follow each other, as a Plan's table has them. */
static char **table(char *space[MAX_WORDS + 1])
{
	int from = input_byte(&input) % word_count, count = input_byte(&input) % 8;

	for (int i = 0; i < count; i++)
		space[i] = words[(from + i) % word_count];
	space[count] = NULL;
	return space;
}

enum call { FILESYSTEM, OVERLAY, OPEN_TREE, OPEN_TREE_FROM, IDS, MOVE, ATTRIBUTES, PARENT, MASK, CONSOLE, CALLS };

/* Returns a descriptor that is the caller's, 0 or -1. */
static int call(enum call which)
{
	char *lower[MAX_WORDS + 1], *options[MAX_WORDS + 1];

	switch (which) {
	case FILESYSTEM:
		return mount_filesystem(word(), word(), "tmpfs", MS_NOSUID, word());
	case OVERLAY:
		return mount_overlay(table(lower), input_byte(&input) & 1 ? word() : NULL, "work", word(), table(options));
	case OPEN_TREE:
		return mount_open_tree(word(), input_byte(&input) & 1, input_byte(&input) & 1 ? word() : NULL);
	case OPEN_TREE_FROM:
		return mount_open_tree_from(ROOT, word(), true);
	case IDS:
		return mount_map_ids(ROOT, ROOT, true);
	case MOVE:
		return mount_move(input_byte(&input) & 1 ? ROOT : -1, word());
	case ATTRIBUTES:
		return mount_set_attributes(word(), MOUNT_ATTR_RDONLY, 0, 0, true);
	case PARENT:
		return mount_set_parent_propagation(word(), MS_PRIVATE);
	case MASK:
		return mount_mask(word());
	case CONSOLE:
		return mount_console(ROOT, word());
	case CALLS:
		break;
	}
	return 0;
}

static int count_open(void)
{
	int count = 0;

	for (int i = 0; i < next_fd; i++)
		count += is_open[i] && i != kept;
	return count;
}

/* The input's first strings are the words that calls are made of. */
static void read_words(char *text, size_t size)
{
	size_t length = input_bytes(&input, text, size - 1);

	text[length] = '\0';
	word_count = 0;
	for (char *at = text; at <= text + length && word_count < MAX_WORDS; at += strlen(at) + 1)
		words[word_count++] = at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[2 * PATH_MAX];

	input = (struct input){ data, size };
	memset(is_open, 0, sizeof(is_open));
	if (kept >= 0)
		is_open[kept] = true;
	next_fd = working_directory = 0;
	in_other_root = false;
	size_t longest = input_byte(&input) * 64u;
	read_words(text, longest < 2 ? 2 : longest < sizeof(text) ? longest : sizeof(text));
	for (int calls = 0; calls < 8 && input.left > 0; calls++) {
		enum call which = input_byte(&input) % CALLS;

		if (setjmp(gone) != 0)
			return 0; /* the process has ended rather than go on in the wrong root */
		int got = call(which);
		REQUIRE(!in_other_root);
		REQUIRE(got >= 0 || (errno != 0 && errno != EIO));
		if (got >= FIRST_FD)
			fake_close(got);
		if (which == MASK && got == 0 && kept < 0 && count_open() == 1)
			kept = (int)((bool *)memchr(is_open, true, sizeof(is_open)) - is_open);
		REQUIRE(count_open() == 0);
	}
	return 0;
}
