#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#define BUFFER 16384
#define LAST_WORDS_MS 100
#define LAST_WORDS 1024 /* reads: more than a pty holds */

enum { WATCH_INPUT, WATCH_MASTER, WATCH_WINDOW };

/* What was read and is to be written; input waits while the process does not read, and holds up nothing else. */
struct queue {
	char bytes[BUFFER];
	size_t start, end;
};

static struct queue input;
static int pty = -1;
static int window = -1; /* signalfd(2) of SIGWINCH */
static bool input_open;
static bool raw;
static struct termios before;

static void copy_window_size(void)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		ioctl(pty, TIOCSWINSZ, &size);
}

/* The process's newlines arrive as they were written, for where our output is no terminal (ONLCR, termios(3)). */
static void leave_newlines(void)
{
	struct termios mode;

	if (tcgetattr(pty, &mode) < 0)
		return;
	mode.c_oflag &= ~(tcflag_t)ONLCR;
	tcsetattr(pty, TCSANOW, &mode);
}

void relay_begin(int master)
{
	sigset_t winch;

	pty = master;
	fcntl(pty, F_SETFL, fcntl(pty, F_GETFL) | O_NONBLOCK);
	input_open = true;
	leave_newlines();
	if (tcgetattr(STDIN_FILENO, &before) == 0) {
		struct termios mode = before;

		cfmakeraw(&mode);
		mode.c_oflag |= OPOST; /* our own terminal makes a newline what it is there */
		raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &mode) == 0;
	}
	sigemptyset(&winch);
	sigaddset(&winch, SIGWINCH);
	sigprocmask(SIG_BLOCK, &winch, NULL);
	window = signalfd(-1, &winch, SFD_CLOEXEC | SFD_NONBLOCK);
	copy_window_size();
}

void relay_watch(struct pollfd watch[RELAY_FDS])
{
	bool pending = input.end > input.start;

	watch[WATCH_INPUT] = (struct pollfd){ .fd = pty >= 0 && input_open && !pending ? STDIN_FILENO : -1, .events = POLLIN };
	watch[WATCH_MASTER] = (struct pollfd){ .fd = pty, .events = (short)(POLLIN | (pending ? POLLOUT : 0)) };
	watch[WATCH_WINDOW] = (struct pollfd){ .fd = window, .events = POLLIN };
}

static void write_input(void)
{
	ssize_t done = write(pty, input.bytes + input.start, input.end - input.start);

	if (done > 0)
		input.start += (size_t)done;
	else if (errno != EAGAIN && errno != EINTR)
		input.start = input.end;
}

/* The end of input is no end of the terminal: Ctrl-D is what a terminal says. */
static void read_input(void)
{
	ssize_t got = read(STDIN_FILENO, input.bytes, BUFFER);

	if (got <= 0) {
		if (got == 0 || (errno != EAGAIN && errno != EINTR))
			input_open = false;
		return;
	}
	input.start = 0;
	input.end = (size_t)got;
	write_input();
}

static void write_all(const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t done = write(STDOUT_FILENO, bytes, size);

		if (done > 0) {
			bytes += done;
			size -= (size_t)done;
		} else if (errno == EAGAIN) {
			poll(&(struct pollfd){ .fd = STDOUT_FILENO, .events = POLLOUT }, 1, -1);
		} else if (errno != EINTR) {
			return; /* nobody reads: the process shall not wait for that */
		}
	}
}

/* False where nothing more will come: EIO says that the last slave is closed (pty(7)). */
static bool read_output(void)
{
	char bytes[BUFFER];
	ssize_t got = read(pty, bytes, sizeof(bytes));

	if (got > 0)
		write_all(bytes, (size_t)got);
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static void let_go(void)
{
	close(pty);
	pty = -1;
	if (window >= 0)
		close(window);
	window = -1;
}

void relay_hear(const struct pollfd watch[RELAY_FDS])
{
	if (watch[WATCH_WINDOW].revents) {
		struct signalfd_siginfo info;

		if (read(window, &info, sizeof(info)) > 0)
			copy_window_size();
	}
	if (watch[WATCH_INPUT].revents)
		read_input();
	if (watch[WATCH_MASTER].revents & POLLOUT)
		write_input();
	if (watch[WATCH_MASTER].revents & (POLLIN | POLLHUP | POLLERR) && !read_output())
		let_go();
}

void relay_end(void)
{
	/* What other processes hold the slave may stay silent for ever, or speak for ever. */
	for (int reads = 0; reads < LAST_WORDS && pty >= 0; reads++) {
		int ready = poll(&(struct pollfd){ .fd = pty, .events = POLLIN }, 1, LAST_WORDS_MS);

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0 || !read_output())
			break;
	}
	if (raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	raw = false;
	if (pty >= 0)
		let_go();
}
