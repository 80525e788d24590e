#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "clients.h"
#include "log.h"
#include "monitor.h"

#define DRAIN_BYTES (1 << 20) /* what a pipe can hold (pipe(7)): that much is read after the end, but no endless output */

struct streams streams = { .input = -1, .output = { -1, -1 } };

static void make_pipe(int *monitor_end, int slot, bool process_reads)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		exit(1);
	*monitor_end = ends[process_reads ? 1 : 0];
	monitor.plan.slots[slot] = ends[process_reads ? 0 : 1];
	fcntl(*monitor_end, F_SETFL, O_NONBLOCK);
}

void streams_open(void)
{
	if (monitor.options.terminal)
		return; /* the Plan opens the pty in the container's own devpts and sends the master */
	if (monitor.options.stdin_open)
		make_pipe(&streams.input, SLOT_STDIN, true);
	else
		monitor.plan.slots[SLOT_STDIN] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	make_pipe(&streams.output[LOG_STDOUT], SLOT_STDOUT, false);
	make_pipe(&streams.output[LOG_STDERR], SLOT_STDERR, false);
}

void streams_use_terminal(int master)
{
	fcntl(master, F_SETFL, O_NONBLOCK);
	streams.input = streams.output[LOG_STDOUT] = master;
}

void streams_resize(unsigned short rows, unsigned short columns)
{
	if (monitor.options.terminal && streams.input >= 0)
		ioctl(streams.input, TIOCSWINSZ, &(struct winsize){ .ws_row = rows, .ws_col = columns });
}

void streams_close_input(void)
{
	if (!monitor.options.terminal)
		close_fd(&streams.input);
}

void streams_write_input(void)
{
	for (int i = 0; i < MAX_CLIENTS; i++) {
		struct client *client = &clients[i];

		if (client->fd < 0)
			continue;
		if (client->input_length > 0) {
			ssize_t taken = (ssize_t)client->input_length;

			if (streams.input >= 0)
				taken = write(streams.input, client->buffers->input, client->input_length);
			if (taken < 0 && errno == EAGAIN)
				return;
			if (taken < 0) { /* EPIPE: the process has closed its stdin; what comes is thrown away */
				streams_close_input();
				taken = (ssize_t)client->input_length;
			}
			client->input_length -= (size_t)taken;
			memmove(client->buffers->input, client->buffers->input + taken, client->input_length);
			client_send_numbers(client, FRAME_CREDIT, (uint32_t)taken, 0, 0);
		}
		if (client->input_ends && client->input_length == 0)
			streams_close_input();
	}
}

bool streams_input_waits(void)
{
	for (int i = 0; i < MAX_CLIENTS; i++)
		if (clients[i].fd >= 0 && clients[i].input_length > 0)
			return true;
	return false;
}

static void close_output(int stream)
{
	if (monitor.options.terminal)
		streams.input = -1;
	close_fd(&streams.output[stream]);
}

void streams_close_output(void)
{
	for (int stream = 0; stream < 2; stream++)
		close_output(stream);
}

void streams_read_output(int stream)
{
	static ssize_t left[2] = { DRAIN_BYTES, DRAIN_BYTES };
	static char data[FRAME_MAX];
	ssize_t got = read(streams.output[stream], data, sizeof(data));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) { /* a pty's master says EIO once the last slave is closed */
		close_output(stream);
		return;
	}
	log_write(stream == 0 ? LOG_STDOUT : LOG_STDERR, data, (size_t)got);
	clients_broadcast(stream == 0 ? FRAME_STDOUT : FRAME_STDERR, data, (size_t)got);
	/* A process that `exec` left behind may write for ever. */
	left[stream] -= monitor.ended ? got : 0;
	if (left[stream] <= 0)
		close_output(stream);
}
