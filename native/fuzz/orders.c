/*
 * A launcher's orders, in any pieces and with any descriptors: refused, or tables whose strings are all in the text and
 * every descriptor accounted for.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

#define MOST (1 << 20) /* of memory, for what a header claims */

static jmp_buf refused;
static struct input input;
static void *allocated[4];
static size_t allocations, sizes[4];
static _Alignas(uint32_t) unsigned char first[16]; /* what arrived: the header */
static size_t arrived;
static uint32_t descriptors_arrived;

static void *take_memory(size_t size)
{
	REQUIRE(allocations < 4);
	if (size > MOST)
		return NULL;
	sizes[allocations] = size;
	/* Of its very size: one byte further is a finding. */
	return allocated[allocations++] = calloc(1, size);
}

/* Each piece begins with its most bytes, and how many descriptors come along. */
static ssize_t fake_recvmsg(struct msghdr *message)
{
	size_t most = (size_t)input_byte(&input) + 1;
	uint8_t how = input_byte(&input);
	struct cmsghdr *header = message->msg_control;
	uint32_t descriptors = how & 1 ? how >> 1 : 0;

	if (how == 0xfe) {
		errno = EINTR;
		return -1;
	}
	message->msg_flags = 0;
	message->msg_controllen = 0;
	if (CMSG_SPACE(descriptors * sizeof(int)) > CMSG_SPACE(200 * sizeof(int)) || how == 0xfc)
		message->msg_flags = MSG_CTRUNC;
	else if (descriptors > 0) {
		message->msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
		*header = (struct cmsghdr){ CMSG_LEN(descriptors * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		descriptors_arrived += descriptors;
	}
	if (most > message->msg_iov->iov_len)
		most = message->msg_iov->iov_len;
	size_t got = input_bytes(&input, message->msg_iov->iov_base, most);
	for (size_t i = 0; i < got && arrived < sizeof(first); i++)
		first[arrived++] = ((unsigned char *)message->msg_iov->iov_base)[i];
	return (ssize_t)got;
}

#define recvmsg(socket, message, flags) fake_recvmsg(message)
#define malloc(size) take_memory(size)
#define calloc(count, size) take_memory((count) * (size))
#define exit(status) longjmp(refused, status)

#include "../monitor/orders.c"

#undef malloc
#undef calloc

/* The environment follows the arguments in the text, which is the first that was allocated. */
static void look_at(int argc, char **argv)
{
	const struct orders_header *header = (const struct orders_header *)first;
	const char *at = allocated[0];
	int environment = 0;

	REQUIRE(header->size == sizes[0] && header->arguments == (uint32_t)argc && header->descriptors == descriptors_arrived);

	for (int i = 0; i < argc; at += strlen(at) + 1, i++)
		REQUIRE(argv[i] == at);
	REQUIRE(argv[argc] == NULL);
	for (; environ[environment]; at += strlen(at) + 1, environment++)
		REQUIRE(environ[environment] == at);
	REQUIRE(header->environment == (uint32_t)environment && at <= (char *)allocated[0] + sizes[0]);
	REQUIRE(sizes[1] == ((size_t)argc + 1) * sizeof(char *));
	REQUIRE(sizes[2] == ((size_t)environment + 1) * sizeof(char *));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char **const before = environ;
	static char **argv;
	static int argc;

	input = (struct input){ data, size };
	allocations = 0;
	arrived = 0;
	descriptors_arrived = 0;
	if (setjmp(refused) == 0) {
		orders_receive(5, &argc, &argv);
		look_at(argc, argv);
	}
	environ = before;
	for (size_t i = 0; i < allocations; i++)
		free(allocated[i]);
	return 0;
}
