/*
 * gzip by ISA-L's igzip, which inflates in half of zlib's time, where the host has the library (Debian: libisal2); and
 * the SHA-256 of what comes out, while it is in the processor's cache, by the OpenSSL that node has in itself.
 *
 * A call runs in a thread of libuv's pool and touches nothing but its arguments. It allocates nothing.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if __has_include(<isa-l/igzip_lib.h>)
#include <isa-l/igzip_lib.h>

/* The first byte of a gzip member, RFC 1952. */
#define MEMBER 0x1f

/* Beside the library's own numbers of what is wrong. */
#define NO_DIGEST (-100)

static void (*init)(struct inflate_state *);
static void (*reset)(struct inflate_state *);
static void (*init_header)(struct isal_gzip_header *);
static int (*read_header)(struct inflate_state *, struct isal_gzip_header *);
static int (*inflate_body)(struct inflate_state *);

/* EVP_DigestInit(3ssl); the types are opaque. */
static void *(*new_context)(void);
static const void *(*sha256)(void);
static int (*begin_digest)(void *, const void *, void *);
static int (*update_digest)(void *, const void *, size_t);
static int (*end_digest)(void *, uint8_t *, unsigned int *);
static void (*free_context)(void *);

struct inflater {
	struct inflate_state state;
	void *digest;
	/* Kept between calls, which isal_inflate() does not do with headers that it reads itself. */
	struct isal_gzip_header header;
	int in_header;
};

static int can_inflate, can_hash;

/* Stores the address of a function where there is one of the name. */
static int find(void *library, const char *name, void *function)
{
	void *found = dlsym(library, name);

	memcpy(function, &found, sizeof(found));
	return found != NULL;
}

static void load(void)
{
	void *library = dlopen("libisal.so.2", RTLD_NOW | RTLD_LOCAL);

	can_inflate = library != NULL && find(library, "isal_inflate_init", &init) &&
		      find(library, "isal_inflate_reset", &reset) && find(library, "isal_gzip_header_init", &init_header) &&
		      find(library, "isal_read_gzip_header", &read_header) && find(library, "isal_inflate", &inflate_body);
	can_hash = find(RTLD_DEFAULT, "EVP_MD_CTX_new", &new_context) && find(RTLD_DEFAULT, "EVP_sha256", &sha256) &&
		   find(RTLD_DEFAULT, "EVP_DigestInit_ex", &begin_digest) &&
		   find(RTLD_DEFAULT, "EVP_DigestUpdate", &update_digest) &&
		   find(RTLD_DEFAULT, "EVP_DigestFinal_ex", &end_digest) &&
		   find(RTLD_DEFAULT, "EVP_MD_CTX_free", &free_context);
}

static void begin_member(struct inflater *self)
{
	self->state.crc_flag = ISAL_GZIP_NO_HDR_VER;
	init_header(&self->header);
	self->in_header = 1;
}

void tsrun_inflater_close(struct inflater *self)
{
	if (self->digest != NULL)
		free_context(self->digest);
	free(self);
}

/* For one gzip stream, of one member or several; NULL where a library or the memory is missing. `hashes`: for a digest. */
struct inflater *tsrun_inflater_open(int hashes)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	if (!can_inflate || (hashes && !can_hash))
		return NULL;
	struct inflater *self = malloc(sizeof(*self));
	if (self == NULL)
		return NULL;
	init(&self->state);
	begin_member(self);
	self->digest = hashes ? new_context() : NULL;
	if (hashes && (self->digest == NULL || !begin_digest(self->digest, sha256(), NULL))) {
		tsrun_inflater_close(self);
		return NULL;
	}
	return self;
}

/* The SHA-256 of all that was inflated, once; 0, or -1. */
int tsrun_inflater_digest(struct inflater *self, uint8_t digest[32])
{
	return end_digest(self->digest, digest, NULL) ? 0 : -1;
}

/* Goes on in the member; 0, or the library's number of what is wrong. */
static int inflate_member(struct inflater *self)
{
	if (self->in_header) {
		int result = read_header(&self->state, &self->header);
		if (result == ISAL_END_INPUT)
			return 0;
		if (result != ISAL_DECOMP_OK)
			return result;
		self->in_header = 0;
	}
	return inflate_body(&self->state);
}

/*
 * Inflates until the input is used up or the output is full. `used` receives how many bytes of each, and whether the
 * last member is complete. Returns 1 where the input goes on with something that is no member, 0 where it may go on,
 * and a negative number where it is damaged; `used` is 0 then.
 */
int tsrun_inflate(struct inflater *self, uint8_t *in, uint32_t in_size, uint8_t *out, uint32_t out_size, uint32_t used[3])
{
	struct inflate_state *state = &self->state;
	int result = 0;

	state->next_in = in;
	state->avail_in = in_size;
	state->next_out = out;
	state->avail_out = out_size;
	do {
		if (!self->in_header && state->block_state == ISAL_BLOCK_FINISH) {
			if (state->avail_in == 0)
				break;
			if (*state->next_in != MEMBER) {
				result = 1;
				break;
			}
			reset(state);
			begin_member(self);
		}
		int error = inflate_member(self);
		if (error != ISAL_DECOMP_OK)
			result = error < 0 ? error : -error;
	} while (result == 0 && !self->in_header && state->block_state == ISAL_BLOCK_FINISH);
	/* After an error the library's counts are off by what it had looked ahead, beyond the input's end even. */
	used[0] = result < 0 ? 0 : in_size - state->avail_in;
	used[1] = result < 0 ? 0 : out_size - state->avail_out;
	used[2] = result >= 0 && !self->in_header && state->block_state == ISAL_BLOCK_FINISH;
	if (self->digest != NULL && !update_digest(self->digest, out, used[1]))
		return NO_DIGEST;
	return result;
}
#else
struct inflater *tsrun_inflater_open(int hashes)
{
	(void)hashes;
	return NULL;
}

void tsrun_inflater_close(struct inflater *self)
{
	(void)self;
}

int tsrun_inflater_digest(struct inflater *self, uint8_t digest[32])
{
	(void)self, (void)digest;
	return -1;
}

int tsrun_inflate(struct inflater *self, uint8_t *in, uint32_t in_size, uint8_t *out, uint32_t out_size, uint32_t used[3])
{
	(void)self, (void)in, (void)in_size, (void)out, (void)out_size, (void)used;
	return -1;
}
#endif
