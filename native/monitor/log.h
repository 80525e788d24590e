/*
 * The container's log: one JSON object a line, as Docker's json-file driver writes it,
 *     {"log":"text\n","stream":"stdout","time":"2026-01-31T12:00:00.123456789Z"}
 * A line of output longer than LOG_LINE bytes becomes several objects, only the last of which ends in a newline.
 */
#ifndef TSRUN_LOG_H
#define TSRUN_LOG_H

#include <stddef.h>

#define LOG_LINE 16384

enum log_stream { LOG_STDOUT, LOG_STDERR };

/* Starts logging to path; above max_size bytes it is rotated to path.1 … so that max_files are kept. */
void log_open(const char *path, long long max_size, int max_files);
void log_write(enum log_stream stream, const char *data, size_t length);
/* Writes what has not ended in a newline. */
void log_close(void);

#endif
