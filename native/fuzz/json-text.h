/* Is it JSON? A reader with nothing but that answer (RFC 8259), to judge what the monitor writes. */
#ifndef TSRUN_FUZZ_JSON_TEXT_H
#define TSRUN_FUZZ_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* The end of the string's inside, where its closing quote is; NULL where it is not well-formed UTF-8 and escapes. */
const char *json_text_string(const char *at, const char *end);

/* Whether the text is one JSON value, of objects, arrays, strings, integers, true and false. */
bool json_text_is_value(const char *text, size_t length);

#endif
