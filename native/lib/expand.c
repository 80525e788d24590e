/*
 * xz and bzip2 by the libraries that Debian's dpkg needs and every host therefore has: liblzma5, libbz2-1.0. Their
 * structures are written down here, so that no host needs the headers: lzma/base.h and bzlib.h, whose ABI has not changed
 * since 5.0 (2010) and 1.0 (2000).
 *
 * A call runs in a thread of libuv's pool and touches nothing but its arguments. Only the libraries allocate.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { XZ, BZIP2 };

struct lzma_stream {
	const uint8_t *next_in;
	size_t avail_in;
	uint64_t total_in;
	uint8_t *next_out;
	size_t avail_out;
	uint64_t total_out;
	const void *allocator;
	void *internal;
	void *reserved_ptr[4];
	uint64_t seek_pos;
	uint64_t reserved_int2;
	size_t reserved_int[2];
	int reserved_enum[2];
};

enum { LZMA_OK, LZMA_STREAM_END, LZMA_BUF_ERROR = 10 };
enum { LZMA_RUN = 0 };

/* The largest preset of xz(1) needs 65 MiB; an archive that asks for more than this is an attack. */
#define LZMA_MEMORY (512UL * 1024 * 1024)

struct bz_stream {
	char *next_in;
	unsigned int avail_in;
	unsigned int total_in[2];
	char *next_out;
	unsigned int avail_out;
	unsigned int total_out[2];
	void *state;
	void *allocate;
	void *release;
	void *opaque;
};

enum { BZ_OK = 0, BZ_STREAM_END = 4 };

static int (*lzma_decoder)(struct lzma_stream *, uint64_t, uint32_t);
static int (*lzma_step)(struct lzma_stream *, int);
static void (*lzma_finish)(struct lzma_stream *);
static int (*bz_init)(struct bz_stream *, int, int);
static int (*bz_step)(struct bz_stream *);
static int (*bz_finish)(struct bz_stream *);

struct expander {
	int format;
	/* Between two streams of one file, or after the last. */
	int at_end;
	struct lzma_stream xz;
	struct bz_stream bz;
};

static void load(void)
{
	void *lzma = dlopen("liblzma.so.5", RTLD_NOW | RTLD_LOCAL);
	void *bzip2 = dlopen("libbz2.so.1.0", RTLD_NOW | RTLD_LOCAL);

	if (lzma != NULL) {
		lzma_decoder = (int (*)(struct lzma_stream *, uint64_t, uint32_t))dlsym(lzma, "lzma_stream_decoder");
		lzma_step = (int (*)(struct lzma_stream *, int))dlsym(lzma, "lzma_code");
		lzma_finish = (void (*)(struct lzma_stream *))dlsym(lzma, "lzma_end");
	}
	if (bzip2 != NULL) {
		bz_init = (int (*)(struct bz_stream *, int, int))dlsym(bzip2, "BZ2_bzDecompressInit");
		bz_step = (int (*)(struct bz_stream *))dlsym(bzip2, "BZ2_bzDecompress");
		bz_finish = (int (*)(struct bz_stream *))dlsym(bzip2, "BZ2_bzDecompressEnd");
	}
}

/* Begins a stream; what was left of the one before is given back. */
static int begin(struct expander *self)
{
	self->at_end = 0;
	if (self->format == XZ)
		return lzma_decoder(&self->xz, LZMA_MEMORY, 0);
	if (self->bz.state != NULL)
		bz_finish(&self->bz);
	memset(&self->bz, 0, sizeof(self->bz));
	return bz_init(&self->bz, 0, 0);
}

/* For one file of a format, 0 xz or 1 bzip2, of one stream or several; NULL where library or memory is missing. */
struct expander *tsrun_expander_open(int format)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	if (format == XZ ? lzma_decoder == NULL || lzma_step == NULL || lzma_finish == NULL
			 : bz_init == NULL || bz_step == NULL || bz_finish == NULL)
		return NULL;
	struct expander *self = calloc(1, sizeof(*self));
	if (self == NULL)
		return NULL;
	self->format = format;
	if (begin(self) != 0) {
		free(self);
		return NULL;
	}
	return self;
}

void tsrun_expander_close(struct expander *self)
{
	if (self->format == XZ)
		lzma_finish(&self->xz);
	else if (self->bz.state != NULL)
		bz_finish(&self->bz);
	free(self);
}

/* Goes on in the stream; how many bytes of both are left is written back. 0, or the library's number of what is wrong. */
static int step(struct expander *self, uint8_t **in, uint32_t *in_left, uint8_t **out, uint32_t *out_left)
{
	int result;

	if (self->format == XZ) {
		self->xz.next_in = *in;
		self->xz.avail_in = *in_left;
		self->xz.next_out = *out;
		self->xz.avail_out = *out_left;
		result = lzma_step(&self->xz, LZMA_RUN);
		*in_left = (uint32_t)self->xz.avail_in;
		*out_left = (uint32_t)self->xz.avail_out;
		*in = (uint8_t *)self->xz.next_in;
		*out = self->xz.next_out;
		self->at_end = result == LZMA_STREAM_END;
		return result == LZMA_STREAM_END || result == LZMA_BUF_ERROR ? 0 : result;
	}
	self->bz.next_in = (char *)*in;
	self->bz.avail_in = *in_left;
	self->bz.next_out = (char *)*out;
	self->bz.avail_out = *out_left;
	result = bz_step(&self->bz);
	*in_left = self->bz.avail_in;
	*out_left = self->bz.avail_out;
	*in = (uint8_t *)self->bz.next_in;
	*out = (uint8_t *)self->bz.next_out;
	self->at_end = result == BZ_STREAM_END;
	return result == BZ_STREAM_END ? 0 : result;
}

/*
 * Expands until the input is used up or the output is full, by the contract of tsrun_inflate(): `used` receives how many
 * bytes of each, and whether the last stream is complete. Returns 1 where the input goes on with something that is no
 * stream, 0 where it may go on, and a negative number where it is damaged.
 */
int tsrun_expand(struct expander *self, uint8_t *in, uint32_t in_size, uint8_t *out, uint32_t out_size, uint32_t used[3])
{
	uint32_t in_left = in_size;
	uint32_t out_left = out_size;
	int result = 0;

	for (;;) {
		if (self->at_end) {
			/* The padding between streams of xz: .xz file format 1.2, section 2.2. */
			while (self->format == XZ && in_left > 0 && *in == 0)
				in++, in_left--;
			if (in_left == 0)
				break;
			if (*in != (self->format == XZ ? 0xfd : 'B')) {
				result = 1;
				break;
			}
			result = begin(self);
		}
		if (result == 0)
			result = step(self, &in, &in_left, &out, &out_left);
		if (result != 0)
			result = result < 0 ? result : -result;
		if (result != 0 || !self->at_end)
			break;
	}
	used[0] = in_size - in_left;
	used[1] = out_size - out_left;
	used[2] = (uint32_t)self->at_end;
	return result;
}
