/*
 * What the launcher of ordinary users' tsrun reads of processes: the kernel's line, whatever a process calls itself, and
 * the record of one, whatever is in it.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"

#define PARENT 4711
#define STARTED 1234567890123ull

static char line[1024];
static struct input record;
static bool is_line;

static int fake_open(const char *path)
{
	is_line = strncmp(path, "/proc/", 6) == 0;
	return 5;
}

static ssize_t fake_read(void *to, size_t size)
{
	struct input file = record;

	if (is_line)
		file = (struct input){ (const uint8_t *)line, strlen(line) };
	return (ssize_t)input_bytes(&file, to, size);
}

#define openat(...) fake_open(((const char *[]){ FIRST_TWO(__VA_ARGS__) })[0])
#define FIRST_TWO(directory, path, ...) path
#define read(fd, to, size) fake_read(to, size)
#define close(fd) ((void)(fd))

#include "../rootless/record.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	char name[64] = { 0 };
	bool whole = input_byte(&input) & 1;

	input_bytes(&input, name, input_byte(&input) % sizeof(name));
	if (whole)
		snprintf(line, sizeof(line), "7 (%s) S %d 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %llu 0 0 0", name, PARENT, STARTED);
	else
		line[input_bytes(&input, line, (size_t)input_byte(&input) * 4)] = '\0';
	record = input;
	pid_t parent = parent_of(7);
	pid_t found = record_read(5, "holder");
	REQUIRE(found >= 0);
	if (whole)
		REQUIRE(parent == PARENT && start_time(7) == STARTED);
	return 0;
}
