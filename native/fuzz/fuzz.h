/*
 * What the targets share. Each is one file: it includes the part of the monitor that it feeds, after macros that put
 * doubles in the place of the system calls, and is built by native/Makefile (`make fuzz`) with libFuzzer and the address
 * and undefined-behaviour sanitizers.
 */
#ifndef TSRUN_FUZZ_H
#define TSRUN_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What libFuzzer calls with each input; 0: any may go into the corpus. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that does not hold is a finding, as a sanitizer's is. */
#define REQUIRE(condition)              \
	do {                            \
		if (!(condition))       \
			__builtin_trap(); \
	} while (0)

/* The input, eaten from its front. */
struct input {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t input_byte(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

/* Up to size bytes of it; returns how many. */
static inline size_t input_bytes(struct input *input, void *to, size_t size)
{
	size_t taken = size < input->left ? size : input->left;

	if (taken > 0)
		memcpy(to, input->at, taken);
	input->at += taken;
	input->left -= taken;
	return taken;
}

#endif
