#include "options.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

static _Noreturn void usage(const char *word)
{
	fprintf(stderr, "tsrun-executor: unknown word: %s (tsrun starts it; it is not to be called by hand)\n", word);
	exit(2);
}

static int number(const char *word, int most)
{
	char *end;
	long value = strtol(word, &end, 10);

	if (end == word || *end != '\0' || value < 0 || value > most)
		usage(word);
	return (int)value;
}

static enum console console(const char *word)
{
	if (strcmp(word, "socket") == 0)
		return CONSOLE_SOCKET;
	if (strcmp(word, "relay") == 0)
		return CONSOLE_RELAY;
	usage(word);
}

void options_parse(struct options *options, int argc, char **argv)
{
	*options = (struct options){ 0 };
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(word, "--stay") == 0)
			options->stay = true;
		else if (strcmp(word, "--plan-fds") == 0)
			options->plan_fds = number(value, PLAN_SLOTS), i++;
		else if (strcmp(word, "--timeout") == 0)
			options->timeout = number(value, INT_MAX), i++;
		else if (strcmp(word, "--console") == 0)
			options->console = console(value), i++;
		else
			usage(word);
	}
}
