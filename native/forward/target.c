#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "forward.h"

const char *target_file;

/* Returns the length of the address, 0 where there is none. */
static socklen_t look_up(unsigned port, struct sockaddr_storage *address)
{
	FILE *file = fopen(target_file, "re");
	char line[128], text[64];
	unsigned number = 0;
	bool found = false;

	for (unsigned at = 0; file && fgets(line, sizeof(line), file); at++)
		if (at == port)
			found = sscanf(line, "%63s %u", text, &number) == 2 && number <= UINT16_MAX;
	if (file)
		fclose(file);
	if (!found)
		return 0;
	struct sockaddr_in *four = (struct sockaddr_in *)address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)number);
		return sizeof(*four);
	}
	if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)number);
		return sizeof(*six);
	}
	return 0;
}

int target_connect(unsigned port, int type)
{
	struct sockaddr_storage address;
	socklen_t length = look_up(port, &address);

	if (length == 0)
		return -1;
	int fd = socket(address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, length) == 0 || errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}
