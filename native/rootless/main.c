/*
 * The launcher: bin/tsrun starts it where the user is not root, and it executes node inside the user's namespaces.
 * setns(2) into a user namespace is for processes of one thread, which a Node process never is.
 *
 * Where that cannot be, node is executed all the same and told why: what needs no namespaces (help, doctor) works, and
 * everything else says it as every error is said.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rootless.h"

char **launcher_argv;

int fail(const char *hint, const char *format, ...)
{
	char text[8192];
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(text, sizeof(text) / 2, format, arguments);
	va_end(arguments);
	snprintf(text + length, sizeof(text) - (size_t)length, "\n%s", hint);
	setenv("TSRUN_ROOTLESS_ERROR", text, 1);
	return -1;
}

/* Who was started without standard descriptors shall not get another file by their numbers. */
static void open_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	close(fd);
}

int main(int argc, char **argv)
{
	struct directory directory;

	open_standard_descriptors();
	if (argc < 2) {
		fprintf(stderr, "usage: tsrun-rootless PROGRAM [ARGUMENT...]\n"
				"Executes the program as root of the user's own namespaces.\n");
		return 125;
	}
	if (argc == 4 && strcmp(argv[1], "--outside") == 0)
		return outside_run(argv[2], argv[3]);
	launcher_argv = argv;
	unsetenv("TSRUN_ROOTLESS_ERROR");
	if (geteuid() != 0 && directory_open(&directory) == 0)
		namespaces_join(&directory);
	execvp(argv[1], argv + 1);
	fprintf(stderr, "tsrun: cannot execute %s: %s\n", argv[1], strerror(errno));
	return 125;
}
