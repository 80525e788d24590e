#include "pty.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "channel.h"

int pty_open(struct plan_context *context, unsigned short rows, unsigned short columns)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };
	struct channel_message message = { .kind = CHANNEL_CONSOLE, .step = context->step };
	int unlock = 0;

	int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0)
		return -1;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0 || (rows != 0 && ioctl(master, TIOCSWINSZ, &size) < 0))
		goto fail;
	/* TIOCGPTPEER (Linux 4.13) opens the slave without going through its name. */
	int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		goto fail;
	errno = channel_send(context->channel, message, master);
	if (errno)
		goto fail;
	close(master);
	for (int slot = SLOT_STDIN; slot <= SLOT_STDERR; slot++)
		context->slots[slot] = slave;
	return 0;
fail:
	close(master);
	return -1;
}
