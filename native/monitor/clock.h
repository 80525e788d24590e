#ifndef TSRUN_CLOCK_H
#define TSRUN_CLOCK_H

#define CLOCK_TEXT 40

/* The time now as RFC 3339 with nanoseconds, UTC: "2026-01-31T12:00:00.123456789Z". */
void clock_now(char text[CLOCK_TEXT]);

#endif
