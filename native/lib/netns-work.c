/*
 * What speaks of the network namespace of the calling thread and of no other: sysctls below /proc/sys/net, and
 * libnftables, which opens its socket itself. A thread that exists for that goes there, as in netns.c.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct work {
	int netns;
	int (*run)(struct work *); /* returns 0 or more, or -errno */
	int result;
	/* of a file */
	const char *path;
	char *data;
	int size;
	/* of nft(8) */
	const char *commands;
	char *text; /* out: what it says, to be freed */
};

static void *enter_and_run(void *argument)
{
	struct work *work = argument;

	work->result = setns(work->netns, CLONE_NEWNET) == 0 ? work->run(work) : -errno;
	return NULL;
}

static int run_in_thread(struct work *work)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, enter_and_run, work);

	if (error != 0)
		return -error;
	pthread_join(thread, NULL);
	return work->result;
}

static int read_file(struct work *work)
{
	int fd = open(work->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int length = (int)read(fd, work->data, (size_t)work->size);
	int result = length < 0 ? -errno : length;
	close(fd);
	return result;
}

static int write_file(struct work *work)
{
	int fd = open(work->path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int result = write(fd, work->data, (size_t)work->size) < 0 ? -errno : 0;
	close(fd);
	return result;
}

/* libnftables(3), of which Debian has no headers that could be relied on: loaded as JavaScript does it. */
static int run_nft(struct work *work)
{
	void *library = dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return -ENOENT;
	void *(*create)(unsigned) = (void *(*)(unsigned))dlsym(library, "nft_ctx_new");
	void (*destroy)(void *) = (void (*)(void *))dlsym(library, "nft_ctx_free");
	int (*buffer_output)(void *) = (int (*)(void *))dlsym(library, "nft_ctx_buffer_output");
	int (*buffer_error)(void *) = (int (*)(void *))dlsym(library, "nft_ctx_buffer_error");
	const char *(*output)(void *) = (const char *(*)(void *))dlsym(library, "nft_ctx_get_output_buffer");
	const char *(*errors)(void *) = (const char *(*)(void *))dlsym(library, "nft_ctx_get_error_buffer");
	int (*run)(void *, const char *) = (int (*)(void *, const char *))dlsym(library, "nft_run_cmd_from_buffer");
	if (!create || !destroy || !buffer_output || !buffer_error || !output || !errors || !run)
		return -ENOENT;
	void *context = create(0);
	if (!context)
		return -ENOMEM;
	buffer_output(context);
	buffer_error(context);
	int failed = run(context, work->commands);
	work->text = strdup(failed ? errors(context) : output(context));
	destroy(context);
	return failed ? 1 : 0;
}

/* Reads a file as it is in the network namespace that nsfd refers to: its length, or -errno. */
int tsrun_netns_read(int nsfd, const char *path, char *data, int size)
{
	struct work work = { .netns = nsfd, .run = read_file, .path = path, .data = data, .size = size };

	return run_in_thread(&work);
}

/* Writes to it. 0 or -errno. */
int tsrun_netns_write(int nsfd, const char *path, const char *text)
{
	struct work work = { .netns = nsfd, .run = write_file, .path = path, .data = (char *)text,
			     .size = (int)strlen(text) };

	return run_in_thread(&work);
}

/*
 * Runs commands of nft(8) in the namespace: 0, 1 where they failed, or -errno where they could not be run. *text is
 * what it printed, or what was wrong, until the next call; one thread at a time may call this.
 */
int tsrun_netns_nft(int nsfd, const char *commands, const char **text)
{
	static char *last;
	struct work work = { .netns = nsfd, .run = run_nft, .commands = commands };
	int result = run_in_thread(&work);

	free(last);
	last = work.text;
	*text = last ? last : "";
	return result;
}
