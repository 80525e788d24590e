#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "json.h"

struct line {
	char text[LOG_LINE];
	size_t length;
};

static const char *file;
static int descriptor = -1;
static long long size, limit;
static int files;
static struct line lines[2];

/* The objects not yet written: one write(2) for all that arrived together. */
static char buffer[JSON_WIDEST * LOG_LINE + 128];
static size_t buffered;

static void reopen(int flags)
{
	struct stat info;

	descriptor = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0640);
	size = descriptor >= 0 && fstat(descriptor, &info) == 0 ? info.st_size : 0;
}

void log_open(const char *path, long long max_size, int max_files)
{
	file = path;
	limit = max_size;
	files = max_files;
	reopen(0);
}

static void rotate(void)
{
	char from[PATH_MAX], to[PATH_MAX];

	close(descriptor);
	descriptor = -1;
	if (files <= 1) {
		reopen(O_TRUNC);
		return;
	}
	for (int number = files - 1; number >= 1; number--) {
		snprintf(to, sizeof(to), "%s.%d", file, number);
		snprintf(from, sizeof(from), number == 1 ? "%s" : "%s.%d", file, number - 1);
		rename(from, to);
	}
	reopen(0);
}

static void flush(void)
{
	size_t done = 0;

	if (buffered == 0)
		return;
	if (descriptor < 0)
		reopen(0); /* could not be made when it was rotated */
	while (descriptor >= 0 && done < buffered) {
		ssize_t written = write(descriptor, buffer + done, buffered - done);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			break;
		done += (size_t)written;
	}
	/* A full disk loses log lines, not the container; but a torn one would spoil the next. */
	if (done == buffered)
		size += (long long)buffered;
	else if (done > 0 && ftruncate(descriptor, size) < 0)
		size += (long long)done;
	buffered = 0;
	if (descriptor >= 0 && limit > 0 && size >= limit)
		rotate();
}

static void put(const char *text, size_t length)
{
	memcpy(buffer + buffered, text, length);
	buffered += length;
}

/* How many bytes at the end of a line begin a UTF-8 sequence that goes on in the next piece. */
static size_t cut_sequence(const struct line *line)
{
	for (size_t back = 1; back <= 3 && back <= line->length; back++) {
		unsigned char byte = (unsigned char)line->text[line->length - back];

		if ((byte & 0xc0) != 0x80)
			return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1) ? back : 0;
	}
	return 0;
}

/* Writes the line but for the last bytes of it, which are kept. */
static void finish_line(enum log_stream stream, size_t kept)
{
	struct line *line = &lines[stream];
	char time[CLOCK_TEXT];

	if (line->length == kept)
		return;
	if (sizeof(buffer) - buffered < JSON_WIDEST * line->length + 128)
		flush();
	clock_now(time);
	put("{\"log\":\"", 8);
	buffered += json_escape(buffer + buffered, line->text, line->length - kept);
	buffered += (size_t)snprintf(buffer + buffered, 128, "\",\"stream\":\"%s\",\"time\":\"%s\"}\n",
				     stream == LOG_STDOUT ? "stdout" : "stderr", time);
	memmove(line->text, line->text + line->length - kept, kept);
	line->length = kept;
	/* A file exceeds its limit by the line that reached it, not by all that arrived with that line. */
	if (limit > 0 && size + (long long)buffered >= limit)
		flush();
}

void log_write(enum log_stream stream, const char *data, size_t length)
{
	struct line *line = &lines[stream];

	if (file == NULL)
		return;
	while (length > 0) {
		const char *newline = memchr(data, '\n', length);
		size_t part = newline ? (size_t)(newline - data) + 1 : length;

		if (part > LOG_LINE - line->length)
			part = LOG_LINE - line->length;
		memcpy(line->text + line->length, data, part);
		line->length += part;
		data += part;
		length -= part;
		if (line->text[line->length - 1] == '\n')
			finish_line(stream, 0);
		else if (line->length == LOG_LINE)
			finish_line(stream, cut_sequence(line));
	}
	flush();
}

void log_close(void)
{
	if (file == NULL)
		return;
	finish_line(LOG_STDOUT, 0);
	finish_line(LOG_STDERR, 0);
	flush();
	if (descriptor >= 0)
		close(descriptor);
	descriptor = -1;
	file = NULL;
}
