/* The netlink messages that say farewell to published ports: whatever the file says of their lengths. */
#include "ports.h"

#include <linux/netlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

static struct input file;

static int fake_read(void *to, size_t length)
{
	return (int)input_bytes(&file, to, length);
}

static void fake_send(const void *message, size_t length)
{
	/* Of its very size: one byte further is a finding. */
	char *copy = malloc(length);

	REQUIRE(length <= 512);
	if (copy)
		memcpy(copy, message, length);
	free(copy);
}

#define socket(...) 5
#define read(fd, to, length) fake_read(to, length)
#define send(fd, message, length, flags) fake_send(message, length)
#define lseek(...) ((void)0)
#define close(fd) ((void)(fd))

#include "../monitor/ports.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ports_options options = { .farewell = 7, .held = 2 };

	file = (struct input){ data, size };
	ports_release(&options);
	REQUIRE(options.farewell == 0);
	return 0;
}
