#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void usage(const char *word)
{
	fprintf(stderr, "tsrun-executor: unknown word: %s (tsrun starts it; it is not to be called by hand)\n", word);
	exit(2);
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
			options->plan_fds = atoi(value), i++;
		else if (strcmp(word, "--timeout") == 0)
			options->timeout = atoi(value), i++;
		else if (strcmp(word, "--console") == 0)
			options->console = console(value), i++;
		else
			usage(word);
	}
}
