/* The file that says where a port's connections go, whatever is in it. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../forward/forward.h"
#include "fuzz.h"

static struct input file;
static int opened;

static FILE *fake_fopen(void)
{
	opened++;
	return file.left > 0 ? fmemopen((void *)file.at, file.left, "r") : NULL;
}

static int fake_fclose(FILE *stream)
{
	opened--;
	return fclose(stream);
}

static int fake_connect(const struct sockaddr *address, socklen_t length)
{
	char text[INET6_ADDRSTRLEN];

	REQUIRE(length == (address->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)));
	REQUIRE(inet_ntop(address->sa_family, address->sa_data + (address->sa_family == AF_INET ? 2 : 6), text, sizeof(text)));
	errno = EINPROGRESS;
	return -1;
}

#define fopen(path, mode) fake_fopen()
#define fclose(stream) fake_fclose(stream)
#define socket(...) 5
#define connect(fd, address, length) fake_connect(address, length)
#define close(fd) ((void)(fd))

#include "../forward/target.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	file = (struct input){ data, size };
	unsigned port = input_byte(&file) % 8;

	opened = 0;
	target_connect(port, SOCK_STREAM);
	REQUIRE(opened == (file.left == 0));
	return 0;
}
