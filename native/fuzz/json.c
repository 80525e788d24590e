/* Any text, escaped: it fits, and is the inside of a JSON string. */
#include "json.h"

#include <stdlib.h>

#include "fuzz.h"
#include "json-text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size), *escaped = malloc(JSON_WIDEST * size);

	if (text && escaped) {
		memcpy(text, data, size);
		size_t length = json_escape(escaped, text, size);
		REQUIRE(length <= JSON_WIDEST * size);
		REQUIRE(json_text_string(escaped, escaped + length) == escaped + length);
	}
	free(escaped);
	free(text);
	return 0;
}
