/* The kernel's files that the monitor reads: /proc/PID/stat and the counters of a cgroup. */
#include "state.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"

static struct input file;

static ssize_t fake_read(void *to, size_t length)
{
	return (ssize_t)input_bytes(&file, to, length);
}

#define open(...) 5
#define read(fd, to, length) fake_read(to, length)
#define close(fd) ((void)(fd))

#include "../monitor/state.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	char key[16] = { 0 };

	input_bytes(&input, key, input_byte(&input) % sizeof(key));
	file = input;
	state_start_ticks(1);
	file = input;
	state_read_counter("memory.events", key);
	return 0;
}
