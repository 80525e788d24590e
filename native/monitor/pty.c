#include "pty.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "channel.h"

static bool is_multiplexer(const struct stat *info)
{
	return S_ISCHR(info->st_mode) && info->st_rdev == makedev(5, 2);
}

/* The multiplexer of a devpts: an image may have put anything in its place (CVE-2025-52565). */
static int open_master(void)
{
	static const char path[] = "/dev/pts/ptmx";
	struct statfs filesystem;
	struct stat info;

	/* Before it is opened, which a device may answer with more than a descriptor. */
	if (lstat(path, &info) < 0)
		return -1;
	int fd = is_multiplexer(&info) ? open(path, O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC) : -1;
	if (fd >= 0 && fstat(fd, &info) == 0 && is_multiplexer(&info) && fstatfs(fd, &filesystem) == 0 &&
	    filesystem.f_type == DEVPTS_SUPER_MAGIC)
		return fd;
	if (fd >= 0)
		close(fd);
	errno = ENODEV;
	return -1;
}

int pty_open(struct plan_context *context, unsigned short rows, unsigned short columns)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };
	struct channel_message message = { .kind = CHANNEL_CONSOLE, .step = context->step };
	int unlock = 0;

	int master = open_master();
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
