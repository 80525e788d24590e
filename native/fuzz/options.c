/* The monitor's command line: the input's strings are its words. */
#include "options.h"

#include <getopt.h>
#include <limits.h>
#include <setjmp.h>
#include <stdlib.h>

#include "fuzz.h"
#include "interpreter.h"

#define MAX_WORDS 512

static jmp_buf refused;

#define exit(status) longjmp(refused, status)

#include "../monitor/options.c"

static void look_at(const struct options *options)
{
	REQUIRE(options->plan_fds >= 0 && options->plan_fds <= PLAN_SLOTS);
	REQUIRE(options->log_size >= 0 && options->log_files >= 0 && options->restart_count >= 0);
	REQUIRE(options->restart_delay >= 0 && options->steady_after >= 0 && options->steady_delay >= 0);
	REQUIRE(options->health.timeout >= 0 && options->health.rules.interval >= 0 && options->health.rules.retries >= 0);
	REQUIRE(options->ports.farewell >= 0 && options->ports.held >= 0 && options->ports.farewell <= INT_MAX - options->ports.held);
	REQUIRE(options->on_exit == NULL || options->on_exit[0] != NULL);
	REQUIRE(options->resolver.command[MAX_COMMAND] == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct options options;
	static char *argv[MAX_WORDS + 1];
	volatile int argc = 0;
	char *volatile text = malloc(size + 1);

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	argv[argc++] = "tsrun-monitor";
	for (char *at = text; at < text + size && argc < MAX_WORDS; at += strlen(at) + 1)
		argv[argc++] = at;
	argv[argc] = NULL;
	opterr = 0;
	optind = 0; /* getopt(3): begin anew */
	if (setjmp(refused) == 0) {
		options_parse(&options, argc, argv);
		look_at(&options);
	}
	free(options.rmdir.paths);
	free(options.unlink.paths);
	free(text);
	return 0;
}
