#ifndef TSRUN_CLOCK_H
#define TSRUN_CLOCK_H

#define CLOCK_TEXT 40

/* The time now as RFC 3339 with nanoseconds, UTC: "2026-01-31T12:00:00.123456789Z". */
void clock_now(char text[CLOCK_TEXT]);

/* Milliseconds of a clock that nobody sets: CLOCK_MONOTONIC. */
long long clock_milliseconds(void);

#endif
