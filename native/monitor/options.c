#include "options.h"

#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

#define MAX_DESCRIPTOR (1 << 20)
#define MAX_TIME (LLONG_MAX / 2) /* milliseconds; may be added to a clock's time */

bool options_append(struct path_list *list, const char *path)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->paths[i], path) == 0)
			return false;
	const char **grown = realloc(list->paths, (list->count + 1) * sizeof(*grown));
	if (grown == NULL)
		return false;
	list->paths = grown;
	list->paths[list->count++] = path;
	return true;
}

static void append_word(char *words[MAX_COMMAND + 1], char *word)
{
	int i = 0;

	while (i < MAX_COMMAND && words[i] != NULL)
		i++;
	if (i == MAX_COMMAND)
		exit(2);
	words[i] = word;
}

static enum restart_on restart_on(const char *word)
{
	if (strcmp(word, "always") == 0)
		return RESTART_ALWAYS;
	if (strcmp(word, "failure") == 0)
		return RESTART_ON_FAILURE;
	exit(2);
}

/* Of what must be no larger than `most`. */
static long long number(const char *text, long long most)
{
	char *end;
	long long value = strtoll(text, &end, 10);

	if (end == text || *end != '\0' || value < 0 || value > most)
		exit(2);
	return value;
}

static int integer(const char *text)
{
	return (int)number(text, INT_MAX);
}

static int descriptor(const char *text)
{
	return (int)number(text, MAX_DESCRIPTOR);
}

void options_parse(struct options *options, int argc, char **argv)
{
	enum { ID = 1, ORDERS, PLAN_FDS, TERMINAL, STDIN, STDIN_ONCE, LEASHED, DURABLE, STATE, SOCKET_DIR, LOG, LOG_SIZE, LOG_FILES, OOM_FILE,
	       OOM_KEY, RESTART_ON, RESTART_DELAY, STEADY_AFTER, STEADY_DELAY, RESTART_COUNT, STOPPED, WAIT, LOCK, MEMBERS, RMDIR, UNLINK,
	       HEALTH_PLAN, HEALTH_FILE, HEALTH_RETRIES, HEALTH_INTERVAL, HEALTH_START_INTERVAL, HEALTH_START_PERIOD,
	       HEALTH_TIMEOUT, HEALTH_OVERDUE, HEALTH_CGROUP, HEALTH_FREEZER, HEALTH_THAWED, RELEASE,
	       PORTS_FAREWELL, PORTS_HELD, PORTS_NETLINK, RESOLVER, RESOLVER_FD, RESOLVER_COMMAND };
	static const struct option known[] = {
		{ "id", required_argument, NULL, ID },
		{ "orders", no_argument, NULL, ORDERS },
		{ "plan-fds", required_argument, NULL, PLAN_FDS },
		{ "terminal", no_argument, NULL, TERMINAL },
		{ "stdin", no_argument, NULL, STDIN },
		{ "stdin-once", no_argument, NULL, STDIN_ONCE },
		{ "leashed", no_argument, NULL, LEASHED },
		{ "durable", no_argument, NULL, DURABLE },
		{ "state", required_argument, NULL, STATE },
		{ "socket-dir", required_argument, NULL, SOCKET_DIR },
		{ "log", required_argument, NULL, LOG },
		{ "log-size", required_argument, NULL, LOG_SIZE },
		{ "log-files", required_argument, NULL, LOG_FILES },
		{ "oom-file", required_argument, NULL, OOM_FILE },
		{ "oom-key", required_argument, NULL, OOM_KEY },
		{ "restart-on", required_argument, NULL, RESTART_ON },
		{ "restart-delay", required_argument, NULL, RESTART_DELAY },
		{ "steady-after", required_argument, NULL, STEADY_AFTER },
		{ "steady-delay", required_argument, NULL, STEADY_DELAY },
		{ "restart-count", required_argument, NULL, RESTART_COUNT },
		{ "stopped", required_argument, NULL, STOPPED },
		{ "wait", required_argument, NULL, WAIT },
		{ "release", no_argument, NULL, RELEASE },
		{ "lock", required_argument, NULL, LOCK },
		{ "members", required_argument, NULL, MEMBERS },
		{ "rmdir", required_argument, NULL, RMDIR },
		{ "unlink", required_argument, NULL, UNLINK },
		{ "health-plan", required_argument, NULL, HEALTH_PLAN },
		{ "health-file", required_argument, NULL, HEALTH_FILE },
		{ "health-retries", required_argument, NULL, HEALTH_RETRIES },
		{ "health-interval", required_argument, NULL, HEALTH_INTERVAL },
		{ "health-start-interval", required_argument, NULL, HEALTH_START_INTERVAL },
		{ "health-start-period", required_argument, NULL, HEALTH_START_PERIOD },
		{ "health-timeout", required_argument, NULL, HEALTH_TIMEOUT },
		{ "health-overdue", required_argument, NULL, HEALTH_OVERDUE },
		{ "health-cgroup", required_argument, NULL, HEALTH_CGROUP },
		{ "health-freezer", required_argument, NULL, HEALTH_FREEZER },
		{ "health-thawed", required_argument, NULL, HEALTH_THAWED },
		{ "ports-farewell", required_argument, NULL, PORTS_FAREWELL },
		{ "ports-held", required_argument, NULL, PORTS_HELD },
		{ "ports-netlink", required_argument, NULL, PORTS_NETLINK },
		{ "resolver", required_argument, NULL, RESOLVER },
		{ "resolver-fd", required_argument, NULL, RESOLVER_FD },
		{ "resolver-command", required_argument, NULL, RESOLVER_COMMAND },
		{ NULL, 0, NULL, 0 },
	};
	int word;

	memset(options, 0, sizeof(*options));
	optind = 0; /* from the beginning, getopt(3) */
	while ((word = getopt_long(argc, argv, "+", known, NULL)) != -1) {
		switch (word) {
		case ID: options->id = optarg; break;
		case ORDERS: options->orders = true; break;
		case PLAN_FDS: options->plan_fds = (int)number(optarg, PLAN_SLOTS); break;
		case TERMINAL: options->terminal = true; break;
		case STDIN: options->stdin_open = true; break;
		case STDIN_ONCE: options->stdin_once = true; break;
		case LEASHED: options->leashed = true; break;
		case DURABLE: options->durable = true; break;
		case STATE: options->state = optarg; break;
		case SOCKET_DIR: options->socket_dir = optarg; break;
		case LOG: options->log = optarg; break;
		case LOG_SIZE: options->log_size = number(optarg, LLONG_MAX); break;
		case LOG_FILES: options->log_files = integer(optarg); break;
		case OOM_FILE: options->oom_file = optarg; break;
		case OOM_KEY: options->oom_key = optarg; break;
		case RESTART_ON: options->restart_on = restart_on(optarg); break;
		case RESTART_DELAY: options->restart_delay = integer(optarg); break;
		case STEADY_AFTER: options->steady_after = integer(optarg); break;
		case STEADY_DELAY: options->steady_delay = integer(optarg); break;
		case RESTART_COUNT: options->restart_count = integer(optarg); break;
		case STOPPED: options->stopped = optarg; break;
		case WAIT: options->wait = optarg; break;
		case RELEASE: options->release = true; break;
		case LOCK: options->lock = optarg; break;
		case MEMBERS: options->members = optarg; break;
		case RMDIR: options_append(&options->rmdir, optarg); break;
		case UNLINK: options_append(&options->unlink, optarg); break;
		case HEALTH_PLAN: options->health.plan_fd = descriptor(optarg); break;
		case HEALTH_FILE: options->health.file = optarg; break;
		case HEALTH_RETRIES: options->health.rules.retries = integer(optarg); break;
		case HEALTH_INTERVAL: options->health.rules.interval = number(optarg, MAX_TIME); break;
		case HEALTH_START_INTERVAL: options->health.rules.start_interval = number(optarg, MAX_TIME); break;
		case HEALTH_START_PERIOD: options->health.rules.start_period = number(optarg, MAX_TIME); break;
		case HEALTH_TIMEOUT: options->health.timeout = number(optarg, MAX_TIME); break;
		case HEALTH_OVERDUE: options->health.overdue = optarg; break;
		case HEALTH_CGROUP: options->health.cgroup = optarg; break;
		case HEALTH_FREEZER: options->health.freezer = optarg; break;
		case HEALTH_THAWED: options->health.thawed = optarg; break;
		case PORTS_FAREWELL: options->ports.farewell = descriptor(optarg); break;
		case PORTS_HELD: options->ports.held = descriptor(optarg); break;
		case PORTS_NETLINK: options->ports.netlink = descriptor(optarg); break;
		case RESOLVER: options->resolver.directory = optarg; break;
		case RESOLVER_FD: options->resolver.sockets = descriptor(optarg); break;
		case RESOLVER_COMMAND: append_word(options->resolver.command, optarg); break;
		default: exit(2);
		}
	}
	if (optind < argc)
		options->on_exit = argv + optind;
}
