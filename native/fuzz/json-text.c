#include "json-text.h"

#include <string.h>

static const char *sequence(const char *text, const char *end)
{
	const unsigned char *at = (const unsigned char *)text;
	/* The smallest code point that needs so many bytes. */
	static const unsigned long smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = *at < 0x80 ? 1 : (*at & 0xe0) == 0xc0 ? 2 : (*at & 0xf0) == 0xe0 ? 3 : (*at & 0xf8) == 0xf0 ? 4 : 0;

	if (length == 0 || length > (size_t)(end - text))
		return NULL;
	unsigned long code = length == 1 ? *at : *at & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return NULL;
		code = code << 6 | (at[i] & 0x3f);
	}
	return code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? NULL : text + length;
}

static bool is_hexadecimal(const char *at, size_t digits)
{
	while (digits > 0 && *at && strchr("0123456789abcdef", *at))
		at++, digits--;
	return digits == 0;
}

static const char *escape(const char *at, const char *end)
{
	if (end - at >= 2 && at[1] && strchr("\"\\/bfnrt", at[1]))
		return at + 2;
	return end - at >= 6 && at[1] == 'u' && is_hexadecimal(at + 2, 4) ? at + 6 : NULL;
}

const char *json_text_string(const char *at, const char *end)
{
	while (at && at < end && *at != '"')
		at = (unsigned char)*at < 0x20 ? NULL : *at == '\\' ? escape(at, end) : sequence(at, end);
	return at;
}

static const char *value(const char *at, const char *end);

static const char *string(const char *at, const char *end)
{
	if (at >= end || *at != '"')
		return NULL;
	at = json_text_string(at + 1, end);
	return at && at < end ? at + 1 : NULL;
}

static const char *member(const char *at, const char *end)
{
	at = string(at, end);
	return at && at < end && *at == ':' ? value(at + 1, end) : NULL;
}

static const char *list(const char *at, const char *end, const char *(*element)(const char *, const char *), char close)
{
	if (at < end && *at == close)
		return at + 1;
	for (;;) {
		at = element(at, end);
		if (at == NULL || at >= end)
			return NULL;
		if (*at == close)
			return at + 1;
		if (*at++ != ',')
			return NULL;
	}
}

static const char *word(const char *at, const char *end)
{
	static const char *const words[] = { "true", "false" };

	for (int i = 0; i < 2; i++)
		if ((size_t)(end - at) >= strlen(words[i]) && memcmp(at, words[i], strlen(words[i])) == 0)
			return at + strlen(words[i]);
	at += at < end && *at == '-';
	const char *digits = at;
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at == digits || (*digits == '0' && at - digits > 1) ? NULL : at;
}

static const char *value(const char *at, const char *end)
{
	if (at >= end)
		return NULL;
	return *at == '{' ? list(at + 1, end, member, '}') : *at == '[' ? list(at + 1, end, value, ']') :
	       *at == '"' ? string(at, end) : word(at, end);
}

bool json_text_is_value(const char *text, size_t length)
{
	return value(text, text + length) == text + length;
}
