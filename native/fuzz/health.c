/* The health document, whatever probes have written: it fits, and is JSON. */
#include "health-state.h"

#include <stdlib.h>

#include "fuzz.h"
#include "json-text.h"
#include "state.h"

int document_replace(const char *path, const char *text, size_t length, bool durable)
{
	(void)path, (void)durable;
	REQUIRE(length > 0 && text[length - 1] == '\n' && json_text_is_value(text, length - 1));
	return 0;
}

static struct probe_result probe(struct input *input, const char *overdue)
{
	struct probe_result result = { .start = "2026-01-31T12:00:00.123456789Z", .end = "2026-01-31T12:00:01.123456789Z" };
	uint8_t how = input_byte(input);

	result.exit_code = (int8_t)input_byte(input);
	result.overdue = how & 1 ? overdue : NULL;
	result.cut = how & 2;
	size_t written = input_bytes(input, result.output, (size_t)input_byte(input) * 16);
	/* A long output of what the input ends in. */
	result.length = how & 4 ? sizeof(result.output) : written;
	memset(result.output + written, written ? result.output[written - 1] : '"', sizeof(result.output) - written);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	struct health_rules rules = { .retries = input_byte(&input) % 4, .start_period = input_byte(&input) };
	char overdue[1024] = { 0 };

	input_bytes(&input, overdue, (size_t)input_byte(&input) * 4);
	struct health_state *health = calloc(1, sizeof(*health));
	for (int probes = 0; health && input.left > 0 && probes < 7; probes++) {
		struct probe_result result = probe(&input, overdue);

		health_note(health, &rules, input_byte(&input), &result);
	}
	if (health)
		health_write(health, "health.json");
	free(health);
	return 0;
}
