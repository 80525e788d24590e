/*
 * /etc/subuid and /etc/passwd, whatever is in them: what newuidmap(1) is asked for is ids that there can be, each once
 * inside and once outside, and the user as 0.
 */
#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../rootless/rootless.h"
#include "fuzz.h"

#define USER 1000
#define GROUP 1001

static struct input files[3]; /* subuid, subgid, passwd */
static int opened, failures;

static FILE *fake_fopen(const char *path)
{
	const struct input *file = &files[strcmp(path, "/etc/subuid") == 0 ? 0 : strcmp(path, "/etc/subgid") == 0 ? 1 : 2];

	if (file->left == 0)
		return NULL;
	opened++;
	return fmemopen((void *)file->at, file->left, "r");
}

static int fake_fclose(FILE *stream)
{
	opened--;
	return fclose(stream);
}

static unsigned long long number(const char *word)
{
	REQUIRE(word && word[0] && strspn(word, "0123456789") == strlen(word));
	return strtoull(word, NULL, 10);
}

/* In fork(2)'s place: the child would execute these words. */
static pid_t look_at(char **words)
{
	bool groups = strcmp(words[0], "newgidmap") == 0;
	unsigned long long inside = 0;
	int at = 2;

	REQUIRE((groups || strcmp(words[0], "newuidmap") == 0) && number(words[1]) == 7);
	for (; words[at]; at += 3) {
		REQUIRE(number(words[at]) == inside && number(words[at + 2]) > 0);
		REQUIRE(at != 2 || (number(words[at + 1]) == (groups ? GROUP : USER) && number(words[at + 2]) == 1));
		REQUIRE(number(words[at + 1]) + number(words[at + 2]) <= 1ull << 32);
		for (int other = 2; other < at; other += 3)
			REQUIRE(number(words[at + 1]) >= number(words[other + 1]) + number(words[other + 2]) ||
				number(words[at + 1]) + number(words[at + 2]) <= number(words[other + 1]));
		inside += number(words[at + 2]);
	}
	REQUIRE(at > 5); /* something is granted, or nobody is asked */
	return 8;
}

int fail(const char *hint, const char *format, ...)
{
	failures += hint && format;
	return -1;
}

#define fopen(path, mode) fake_fopen(path)
#define fclose(stream) fake_fclose(stream)
#define fork() look_at(argv)
#define waitpid(pid, status, flags) (*(status) = files[0].left % 2 << 8, 8)
#define execvp(...) ((void)0)
#define geteuid() USER
#define getegid() GROUP

#include "../rootless/maps.c"

/* The input's first two bytes are the lengths of the first two files. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	size_t lengths[3] = { input_byte(&input), input_byte(&input), SIZE_MAX };

	for (int i = 0; i < 3; i++) {
		size_t length = lengths[i] < input.left ? lengths[i] : input.left;

		files[i] = (struct input){ input.at, length };
		input.at += length;
		input.left -= length;
	}
	failures = 0;
	int result = maps_write(7);
	REQUIRE(opened == 0 && failures == (result < 0));
	return 0;
}
