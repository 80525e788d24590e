/* The id maps of a Plan on their way to newuidmap(1). */
#include "id-maps.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

static int fake_write(const char *text)
{
	REQUIRE(strlen(text) < 1 << 20);
	errno = EPERM; /* so that the helper is asked */
	return -1;
}

static int fake_spawn(char **words)
{
	int count = 0;

	for (; words[count]; count++)
		REQUIRE(words[count][0] != '\0' && strpbrk(words[count], " \n") == NULL);
	REQUIRE(count >= 2);
	return 0;
}

#define open(...) 5
#define write(fd, text, length) fake_write(text)
#define close(fd) ((void)(fd))
#define posix_spawnp(child, program, actions, attributes, words, environment) (*(child) = 1, fake_spawn(words))
#define waitpid(pid, status, flags) (*(status) = 0, 1)

#include "../monitor/id-maps.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *map = malloc(size + 1);

	if (map == NULL)
		return 0;
	memcpy(map, data, size);
	map[size] = '\0';
	id_maps_write(1, map, map);
	free(map);
	return 0;
}
