/* Text as the inside of a JSON string (RFC 8259), whatever its bytes are. */
#ifndef TSRUN_JSON_H
#define TSRUN_JSON_H

#include <stddef.h>

#define JSON_WIDEST 6 /* what a byte becomes at most: \u001f */

/*
 * Escapes text into `to`, which has room for JSON_WIDEST times its length, and returns the length it has there. What
 * is not UTF-8 becomes U+FFFD, and <, > and & are escaped too, as Go's encoder does.
 */
size_t json_escape(char *to, const char *text, size_t length);

#endif
