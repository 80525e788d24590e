/*
 * gzip from anywhere, in any pieces: what comes out is the same, and what the library touches is what it was given. That
 * library is nobody's to instrument, so the buffers end where the next page may not be touched.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#include "../lib/inflate.c"

#define IN (16 << 10)
#define OUT (64 << 10) /* of what one input says is read; the rest of it is left */

/* Room that ends at a page that nobody may touch. */
static uint8_t *guarded(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (size + page - 1) / page * page;
	uint8_t *room = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (room == MAP_FAILED || mprotect(room + whole, page, PROT_NONE) < 0)
		abort();
	return room + whole;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct inflater *inflater = tsrun_inflater_open(0);

	(void)argc, (void)argv;
	if (inflater == NULL) {
		fprintf(stderr, "this target needs libisal2\n");
		exit(1);
	}
	tsrun_inflater_close(inflater);
	return 0;
}

/* Inflates in pieces of these sizes; *length receives how much came out. Returns the last result. */
static int inflate_all(const uint8_t *data, size_t size, uint8_t *to, size_t *length, uint32_t in_size, uint32_t out_size)
{
	static uint8_t *in_end, *out_end;
	struct inflater *inflater = tsrun_inflater_open(0);
	size_t at = 0, idle = 0;
	int result = 0;

	if (in_end == NULL) {
		in_end = guarded(IN);
		out_end = guarded(OUT);
	}
	*length = 0;
	while (inflater && result == 0 && idle < 2) {
		uint32_t piece = size - at < in_size ? (uint32_t)(size - at) : in_size, used[3];
		uint32_t room = OUT - *length < out_size ? (uint32_t)(OUT - *length) : out_size;

		if (room == 0)
			break;
		memcpy(in_end - piece, data + at, piece);
		result = tsrun_inflate(inflater, in_end - piece, piece, out_end - room, room, used);
		REQUIRE(used[0] <= piece && used[1] <= room && used[2] <= 1);
		memcpy(to + *length, out_end - room, used[1]);
		at += used[0];
		*length += used[1];
		idle = used[0] == 0 && used[1] == 0 ? idle + 1 : 0;
	}
	tsrun_inflater_close(inflater);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t whole[OUT], pieces[OUT];
	struct input input = { data, size };
	uint32_t in_size = input_byte(&input) + 1u, out_size = input_byte(&input) * 8u + 1;
	size_t whole_length, pieces_length;

	if (input.left > IN)
		return -1;
	int result = inflate_all(input.at, input.left, whole, &whole_length, IN, OUT);
	int other = inflate_all(input.at, input.left, pieces, &pieces_length, in_size, out_size);
	size_t common = whole_length < pieces_length ? whole_length : pieces_length;
	REQUIRE(memcmp(whole, pieces, common) == 0);
	/* What is damaged is said sooner or later; what is whole is so in any pieces. */
	if (whole_length < OUT)
		REQUIRE((result < 0) == (other < 0) && (result < 0 || whole_length == pieces_length));
	return 0;
}
