/*
 * The container's log, whatever a process writes in whatever pieces, on a disk that may be full: its file holds JSON
 * lines only, no matter when it is looked at.
 */
#include "log.h"

/* Lines that are too long, and files, of a size that a small input has many of. */
#undef LOG_LINE
#define LOG_LINE 256

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "json-text.h"

#define DISK (256 << 10)
#define MOST (8 << 10) /* bytes that one input has the process write */

static char disk[DISK];
static size_t used, seen; /* seen: up to there it is known to be good */
static struct input input;

static void look_at_file(void)
{
	while (seen < used) {
		const char *newline = memchr(disk + seen, '\n', used - seen);

		REQUIRE(newline != NULL && json_text_is_value(disk + seen, (size_t)(newline - disk) - seen));
		seen = (size_t)(newline - disk) + 1;
	}
}

static int fake_open(int flags)
{
	if (flags & O_TRUNC)
		used = seen = 0;
	return 5;
}

static ssize_t fake_write(const char *from, size_t length)
{
	uint8_t how = input_byte(&input);

	if (how == 0xff) {
		errno = ENOSPC;
		return -1;
	}
	if (how >= 0xf0)
		length = length * (how & 0xf) / 16;
	REQUIRE(used + length <= sizeof(disk));
	memcpy(disk + used, from, length);
	used += length;
	return (ssize_t)length;
}

static int fake_truncate(long long size)
{
	REQUIRE((size_t)size >= seen && (size_t)size <= used); /* no line that was written before goes */
	used = (size_t)size;
	return 0;
}

static void fake_rename(const char *from, const char *to)
{
	REQUIRE(strcmp(from, to) != 0);
	if (strcmp(from, "log") != 0)
		return;
	look_at_file();
	used = seen = 0;
}

#define open(path, flags, mode) fake_open(flags)
#define write(fd, from, length) fake_write(from, length)
#define ftruncate(fd, size) fake_truncate(size)
#define fstat(fd, info) ((info)->st_size = (off_t)used, 0)
#define rename(from, to) fake_rename(from, to)
#define close(fd) ((void)(fd))

#include "../monitor/log.c"

#undef write

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
	static char piece[LOG_LINE * 5 / 2];
	size_t written = 0;

	input = (struct input){ data, length };
	used = seen = 0;
	lines[0].length = lines[1].length = buffered = 0;
	log_open("log", (long long)input_byte(&input) * 64, input_byte(&input) % 4);
	while (input.left > 0 && written < MOST) {
		uint8_t how = input_byte(&input);
		size_t real = input_bytes(&input, piece, input_byte(&input));
		/* What is there again and again, for the lines that are too long. */
		size_t whole = how & 2 && real > 0 ? (sizeof(piece) / real) * real : real;

		for (size_t at = real; at < whole; at += real)
			memcpy(piece + at, piece, real);
		log_write(how & 1 ? LOG_STDERR : LOG_STDOUT, piece, whole);
		look_at_file();
		written += whole;
	}
	log_close();
	look_at_file();
	return 0;
}
