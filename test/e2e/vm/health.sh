#!/bin/bash
# Health checks on a machine with cgroup v2, told on standard output as `name: value` lines, which health.test.ts
# judges. Runs inside scripts/vm, whose TSRUN_ROOT and TSRUN_RUN it uses.
tsrun=$(dirname "$(readlink -f "$0")")/../../../bin/tsrun
image=tsrun/base
cgroups=/sys/fs/cgroup/tsrun
say() { printf '%s: %s\n' "$1" "${*:2}"; }

# until COMMAND…: tries for half a minute.
until_true() {
	for _ in $(seq 300); do
		"$@" && return 0
		sleep 0.1
	done
	return 1
}
at_least() { [ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]; }

"$tsrun" pull -q $image >/dev/null

id=$("$tsrun" run -d --name probed --network none --health-interval 300ms \
	--health-cmd 'cat /proc/self/cgroup; echo >>/probes' $image sleep 1000)
probes=$TSRUN_ROOT/containers/$id/upper/probes
until_true at_least "$probes" 2
say status "$("$tsrun" ps --format '{{.Status}}' | grep -o '(.*)')"
say 'cgroup seen inside' "$("$tsrun" inspect -f '{{(index .State.Health.Log 0).Output}}' probed | head -n 1)"

echo 1 >"$cgroups/$id/cgroup.freeze"
until_true grep -q 'frozen 1' "$cgroups/$id/cgroup.events"
before=$(wc -l <"$probes")
sleep 2
say 'probes while frozen' $(($(wc -l <"$probes") - before))
echo 0 >"$cgroups/$id/cgroup.freeze"
until_true at_least "$probes" $((before + 1)) && say thawed probed

id=$("$tsrun" run -d --name slow --network none --health-interval 100ms --health-cmd 'exec sleep 1000' $image sleep 1000)
until_true at_least "$cgroups/$id/cgroup.procs" 2 && say 'a probe' "is in the container's cgroup"
say removed "$("$tsrun" rm -f probed slow | tr '\n' ' ')"
say 'cgroups left' "$(find "$cgroups" -mindepth 1 -type d 2>/dev/null)"
say 'monitors left' "$(pidof tsrun-monitor)"
