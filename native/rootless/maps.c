/*
 * User and group maps: 0 inside is the user, 1 and up are the subordinate ids that subuid(5) and subgid(5) grant. They
 * are written by newuidmap(1) and newgidmap(1), which know who may have which.
 */
#include <errno.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rootless.h"

#define RANGES 8    /* of one user; more are left out */
#define ARGUMENTS (2 + 3 + 3 * RANGES + 1)
#define NUMBER 24

struct map {
	const char *program, *file, *option;
	unsigned own; /* the user's id, or the group's */
	struct range {
		unsigned long first, count;
	} ranges[RANGES];
	int count;
};

/* The larger part of the range that is outside of the other: user_namespaces(7) takes no id of the host twice. */
static struct range part_outside(struct range range, struct range other)
{
	unsigned long end = range.first + range.count, other_end = other.first + other.count;

	if (end <= other.first || other_end <= range.first)
		return range;
	struct range below = { range.first, range.first < other.first ? other.first - range.first : 0 };
	struct range above = { other_end, other_end < end ? end - other_end : 0 };
	return below.count > above.count ? below : above;
}

/* Adds what is in none of the earlier ranges and is not the user's own id: files of years hold lines that overlap. */
static void add_range(struct map *map, struct range range)
{
	range = part_outside(range, (struct range){ map->own, 1 });
	for (int i = 0; i < map->count; i++)
		range = part_outside(range, map->ranges[i]);
	if (range.count > 0)
		map->ranges[map->count++] = range;
}

/* A line is "name:first:count", or has the user's number for the name. Read without nsswitch(5): this program is static. */
static void read_ranges(struct map *map, const char *name)
{
	FILE *file = fopen(map->file, "re");
	char line[512], owner[256], number[NUMBER];
	struct range range;

	if (!file)
		return;
	snprintf(number, sizeof(number), "%u", geteuid());
	while (map->count < RANGES && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%255[^:]:%lu:%lu", owner, &range.first, &range.count) != 3 || range.count == 0)
			continue;
		if (range.first > UINT32_MAX || range.count > UINT32_MAX - range.first)
			continue; /* no such ids: newuidmap(1) would refuse them all */
		if (strcmp(owner, number) == 0 || (name[0] && strcmp(owner, name) == 0))
			add_range(map, range);
	}
	fclose(file);
}

/* "" where /etc/passwd does not know the user. */
static void user_name(char *name, size_t size)
{
	FILE *file = fopen("/etc/passwd", "re");
	struct passwd *entry;

	name[0] = '\0';
	while (file && (entry = fgetpwent(file)))
		if (entry->pw_uid == geteuid()) {
			snprintf(name, size, "%s", entry->pw_name);
			break;
		}
	if (file)
		fclose(file);
}

/* Executes the program and waits. Its exit status, or -1 with errno. */
static int run(char **argv)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return pid < 0 ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int write_map(const struct map *map, pid_t pid)
{
	char numbers[ARGUMENTS][NUMBER], *argv[ARGUMENTS];
	unsigned long inside = 1;
	int count = 0;

	argv[count++] = (char *)map->program;
	snprintf(numbers[count], NUMBER, "%d", (int)pid);
	argv[count] = numbers[count];
	count++;
	for (int i = -1; i < map->count; i++) {
		unsigned long triple[3] = { i < 0 ? 0 : inside, i < 0 ? map->own : map->ranges[i].first,
					    i < 0 ? 1 : map->ranges[i].count };
		for (int part = 0; part < 3; part++, count++) {
			snprintf(numbers[count], NUMBER, "%lu", triple[part]);
			argv[count] = numbers[count];
		}
		inside += i < 0 ? 0 : map->ranges[i].count;
	}
	argv[count] = NULL;
	int status = run(argv);
	if (status == 127)
		return fail("sudo apt-get install uidmap", "%s is missing", map->program);
	if (status != 0)
		return fail("`tsrun doctor` looks for what it lacks", "%s has failed, exit status %d", map->program, status);
	return 0;
}

static int missing(const struct map *map, const char *name)
{
	char hint[512], who[300];

	snprintf(who, sizeof(who), "%s", name[0] ? name : "USER");
	snprintf(hint, sizeof(hint), "sudo usermod --add-sub%cids 100000-165535 %s", map->option[0], who);
	return fail(hint, "%s grants user %s no ids for containers", map->file, who);
}

int maps_write(pid_t pid)
{
	struct map uids = { .program = "newuidmap", .file = "/etc/subuid", .option = "u", .own = geteuid() };
	struct map gids = { .program = "newgidmap", .file = "/etc/subgid", .option = "g", .own = getegid() };
	char name[256];

	user_name(name, sizeof(name));
	read_ranges(&uids, name);
	read_ranges(&gids, name);
	if (uids.count == 0)
		return missing(&uids, name);
	if (gids.count == 0)
		return missing(&gids, name);
	return write_map(&uids, pid) < 0 || write_map(&gids, pid) < 0 ? -1 : 0;
}
