/*
 * Says, a line each, what a process can reach and do here: capabilities, system calls, namespaces, files of the kernel,
 * devices, mounts, sockets, other processes, variables. Run in two containers, the difference is what one of them exposes
 * and the other does not.
 *
 *     exposure NAMESPACE…    the links in /proc/self/ns of the host
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell_status(void)
{
	char line[512], name[32], value[64];
	FILE *status = fopen("/proc/self/status", "r");

	while (status && fgets(line, sizeof(line), status)) {
		if (sscanf(line, "%31[^:]: %63s", name, value) != 2)
			continue;
		if (strncmp(name, "Cap", 3) == 0) {
			unsigned long long set = strtoull(value, NULL, 16);
			for (int capability = 0; capability < 64; capability++)
				if (set >> capability & 1)
					printf("%s %d\n", name, capability);
		}
		if (strcmp(name, "Seccomp") == 0 && strcmp(value, "2") != 0)
			puts("no seccomp filter");
		if (strcmp(name, "NoNewPrivs") == 0 && strcmp(value, "0") == 0)
			puts("new privileges");
	}
}

static void tell_namespaces(char **of_host)
{
	static const char *const names[] = { "cgroup", "ipc", "mnt", "net", "pid", "user", "uts", "time", NULL };
	char path[64], link[64];

	for (const char *const *name = names; *name; name++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", *name);
		ssize_t length = readlink(path, link, sizeof(link) - 1);
		link[length < 0 ? 0 : length] = '\0';
		for (char **other = of_host; *other; other++)
			if (strcmp(link, *other) == 0)
				printf("namespace %s of the host\n", *name);
	}
}

static int tell_file(const char *path, const struct stat *info, int type, struct FTW *walk)
{
	(void)walk;
	if (type == FTW_D && strncmp(path, "/proc/", 6) == 0 && strspn(path + 6, "0123456789") > 0)
		return FTW_SKIP_SUBTREE; /* processes */
	if (!S_ISREG(info->st_mode))
		return FTW_CONTINUE;
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
	if (fd >= 0) {
		printf("writes %s\n", path);
		close(fd);
	}
	/* The names below /sys are the hardware's, and come and go. */
	fd = strncmp(path, "/proc/", 6) == 0 ? open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW) : -1;
	if (fd >= 0) {
		printf("reads %s\n", path);
		close(fd);
	}
	return FTW_CONTINUE;
}

static int tell_node(const char *path, const struct stat *info, int type, struct FTW *walk)
{
	(void)walk;
	if (type != FTW_F || !(S_ISCHR(info->st_mode) || S_ISBLK(info->st_mode)))
		return FTW_CONTINUE;
	printf("node %s %o\n", path, (unsigned)info->st_mode);
	return FTW_CONTINUE;
}

static void tell_devices(void)
{
	static const struct { mode_t type; unsigned major, minor; const char *name; } devices[] = {
		{ S_IFCHR, 1, 1, "mem" }, { S_IFCHR, 1, 4, "port" }, { S_IFCHR, 1, 11, "kmsg" }, { S_IFCHR, 4, 0, "tty0" },
		{ S_IFCHR, 10, 200, "net/tun" }, { S_IFCHR, 10, 229, "fuse" }, { S_IFCHR, 10, 232, "kvm" },
		{ S_IFCHR, 10, 237, "loop-control" }, { S_IFBLK, 7, 0, "loop0" }, { S_IFBLK, 8, 0, "sda" },
		{ S_IFBLK, 254, 0, "vda" },
	};

	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++) {
		unlink("/tmp/node");
		if (mknod("/tmp/node", devices[i].type | 0600, makedev(devices[i].major, devices[i].minor)) < 0)
			continue;
		int fd = open("/tmp/node", O_RDONLY | O_NONBLOCK);
		/* EPERM is what the device rules say; another error is the device's own. */
		if (fd >= 0 || errno != EPERM)
			printf("device %s\n", devices[i].name);
		if (fd >= 0)
			close(fd);
	}
	unlink("/tmp/node");
}

/* A filesystem that is somebody else's too: the host's, of a device, and lxcfs, which writes to the host's cgroups. */
static bool is_shared(const char *line)
{
	char type[64], source[4096];
	const char *rest = strstr(line, " - ");

	return rest && sscanf(rest, " - %63s %4095s", type, source) == 2 && (source[0] == '/' || strcmp(source, "lxcfs") == 0);
}

static void tell_mounts(void)
{
	char line[8192], target[4096], options[1024];
	FILE *mounts = fopen("/proc/self/mountinfo", "r");

	while (mounts && fgets(line, sizeof(line), mounts)) {
		if (sscanf(line, "%*s %*s %*s %*s %4095s %1023s", target, options) != 2)
			continue;
		/* What hides or protects parts of them shows in what can be read and written. */
		if (strncmp(target, "/proc/", 6) == 0 || (strncmp(target, "/sys/", 5) == 0 && strncmp(target, "/sys/fs/", 8) != 0))
			continue;
		printf("mount %s\n", target);
		if (is_shared(line))
			printf("mount %s of the host\n", target);
		if (strncmp(options, "rw", 2) == 0)
			printf("mount %s writable\n", target);
		static const char *const restrictions[] = { "nosuid", "nodev", "noexec", NULL };
		for (const char *const *restriction = restrictions; *restriction; restriction++)
			if (strstr(options, *restriction) == NULL)
				printf("mount %s without %s\n", target, *restriction);
	}
}

/* Unix sockets that no mount namespace hides, and services of the host's loopback within reach (CVE-2020-8558). */
static void tell_network(void)
{
	char line[512], *name;
	FILE *sockets = fopen("/proc/net/unix", "r");

	while (sockets && fgets(line, sizeof(line), sockets))
		if ((name = strchr(line, '@')) != NULL || (name = strchr(line, '/')) != NULL)
			printf("listening socket %s", name);
	FILE *setting = fopen("/proc/sys/net/ipv4/conf/all/route_localnet", "r");
	if (setting && fgets(line, sizeof(line), setting) && line[0] != '0')
		puts("routes to the loopback");
}

/* What programs of an image would not have put there: sockets of services, and what changes who one is. */
static int tell_special(const char *path, const struct stat *info, int type, struct FTW *walk)
{
	(void)walk;
	if (type == FTW_D && (strcmp(path, "/proc") == 0 || strcmp(path, "/sys") == 0))
		return FTW_SKIP_SUBTREE;
	if (S_ISSOCK(info->st_mode))
		printf("socket %s\n", path);
	if (S_ISREG(info->st_mode) && info->st_mode & (S_ISUID | S_ISGID))
		printf("set-id %s\n", path);
	return FTW_CONTINUE;
}

static bool read_line(const char *path, char *line, int size)
{
	FILE *file = fopen(path, "r");
	bool got = file && fgets(line, size, file);

	if (file)
		fclose(file);
	line[got ? strcspn(line, "\n") : 0] = '\0';
	return got;
}

/* Processes that are not this one, and what it was given on its way. */
static void tell_process(void)
{
	char path[64], line[512];

	for (int pid = 1; pid < 1000; pid++) {
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		if (pid != getpid() && read_line(path, line, sizeof(line)))
			printf("process %s\n", line);
	}
	for (char **variable = environ; *variable; variable++)
		printf("variable %.*s\n", (int)strcspn(*variable, "="), *variable);
	if (read_line("/proc/self/attr/current", line, sizeof(line)) && strcmp(line, "unconfined") == 0)
		puts("unconfined by AppArmor");
	if (read_line("/proc/self/personality", line, sizeof(line)) && strcmp(line, "00000000") != 0)
		printf("personality %s\n", line);
	if (read_line("/proc/self/uid_map", line, sizeof(line)))
		printf("user ids %s\n", line);
}

/* Ends, waits, forks or rewrites the caller: nothing to try with arguments of 0. */
static bool is_left_out(long number)
{
	static const long numbers[] = { SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_clone, SYS_clone3, SYS_restart_syscall,
					SYS_sync, SYS_seccomp, SYS_execve, SYS_munmap, SYS_vhangup, SYS_syslog,
#ifdef SYS_fork
					SYS_fork, SYS_vfork, SYS_pause, SYS_select, SYS_poll,
#endif
					SYS_pselect6, SYS_ppoll, SYS_rt_sigsuspend, SYS_rt_sigtimedwait };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (numbers[i] == number)
			return true;
	return false;
}

/* Those that the filter lets through to the kernel. */
static void tell_system_calls(void)
{
	fflush(stdout);
	for (long number = 0; number < 470; number++) {
		int status;

		if (is_left_out(number) || (number > 334 && number < 424 && sizeof(long) == 8))
			continue;
		pid_t child = fork();
		if (child == 0) {
			setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
			close(STDIN_FILENO);
			alarm(1);
			long result = syscall(number, 0, 0, 0, 0, 0, 0);
			_exit(result < 0 && (errno == EPERM || errno == ENOSYS) ? 1 : 0);
		}
		waitpid(child, &status, 0);
		if (!WIFEXITED(status) || WEXITSTATUS(status) == 0)
			printf("system call %ld\n", number);
	}
}

int main(int argc, char **argv)
{
	(void)argc;
	tell_status();
	tell_namespaces(argv + 1);
	nftw("/proc", tell_file, 32, FTW_PHYS | FTW_ACTIONRETVAL);
	nftw("/sys", tell_file, 32, FTW_PHYS | FTW_ACTIONRETVAL);
	nftw("/dev", tell_node, 32, FTW_PHYS | FTW_ACTIONRETVAL);
	tell_devices();
	tell_mounts();
	tell_network();
	nftw("/", tell_special, 32, FTW_PHYS | FTW_ACTIONRETVAL);
	tell_process();
	tell_system_calls();
	return 0;
}
