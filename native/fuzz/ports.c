/* The netlink messages that say farewell to published ports, and the kernel's listing of their flows: of any lengths. */
#include "ports.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
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

/* The kernel's answer is what follows the question in the input, in parts of any size. */
static ssize_t fake_recv(void *to, size_t size)
{
	size_t length = (size_t)input_byte(&file) * 8;

	return (ssize_t)input_bytes(&file, to, length < size ? length : size);
}

static ssize_t fake_send(const void *message, size_t length)
{
	/* Of its very size: one byte further is a finding. */
	char *copy = malloc(length);

	REQUIRE(length <= 16384);
	if (copy)
		memcpy(copy, message, length);
	free(copy);
	return (ssize_t)length;
}

#define socket(...) 5
#define read(fd, to, length) fake_read(to, length)
#define send(fd, message, length, flags) fake_send(message, length)
#define recv(fd, to, size, flags) fake_recv(to, size)
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
