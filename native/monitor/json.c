#include "json.h"

#include <string.h>

/* Length of the UTF-8 sequence at text, 0 where it is not valid (RFC 3629: no overlong forms, no surrogates). */
static size_t utf8_length(const unsigned char *text, size_t left)
{
	size_t length = text[0] < 0x80 ? 1 : text[0] >= 0xc2 && text[0] < 0xe0 ? 2 : (text[0] & 0xf0) == 0xe0 ? 3 :
			text[0] >= 0xf0 && text[0] < 0xf5 ? 4 : 0;

	if (length == 0 || length > left)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] >= 0xa0) ||
	    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] >= 0x90))
		return 0;
	return length;
}

size_t json_escape(char *to, const char *text, size_t length)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + length;
	char *start = to;

	while (at < end) {
		size_t sequence = utf8_length(at, (size_t)(end - at));

		if (*at == '\n')
			to = mempcpy(to, "\\n", 2);
		else if (*at == '\r')
			to = mempcpy(to, "\\r", 2);
		else if (*at == '\t')
			to = mempcpy(to, "\\t", 2);
		else if (*at == '"' || *at == '\\') {
			*to++ = '\\';
			*to++ = (char)*at;
		} else if (sequence == 0)
			to = mempcpy(to, "\\ufffd", 6);
		else if (*at < 0x20 || *at == 0x7f || *at == '<' || *at == '>' || *at == '&') {
			to = mempcpy(to, "\\u00", 4);
			*to++ = "0123456789abcdef"[*at >> 4];
			*to++ = "0123456789abcdef"[*at & 0xf];
		} else
			to = mempcpy(to, at, sequence);
		at += sequence ? sequence : 1;
	}
	return (size_t)(to - start);
}
