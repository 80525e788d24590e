#!/bin/bash
# Limits as a machine with cgroup v2 applies them, told on standard output as `name: value` lines, which
# limits.test.ts judges. Runs inside scripts/vm, whose TSRUN_ROOT and TSRUN_RUN it uses.
tsrun=$(dirname "$(readlink -f "$0")")/../../../bin/tsrun
image=tsrun/base
cgroups=/sys/fs/cgroup/tsrun
say() { printf '%s: %s\n' "$1" "${*:2}"; }

say filesystem "$(stat -f -c %T /sys/fs/cgroup)"
"$tsrun" pull -q $image >/dev/null

id=$("$tsrun" run -d --name limited --network none -m 64m --cpus 0.5 --pids-limit 30 $image sleep 1000)
pid=$("$tsrun" inspect -f '{{.State.Pid}}' limited)
say memory.max "$(cat "$cgroups/$id/memory.max")"
say memory.swap.max "$(cat "$cgroups/$id/memory.swap.max")"
say cpu.max "$(cat "$cgroups/$id/cpu.max")"
say pids.max "$(cat "$cgroups/$id/pids.max")"
say 'cgroup of the process' "$(sed "s/$id/ID/" "/proc/$pid/cgroup")"
say 'cgroup seen inside' "$("$tsrun" exec limited cat /proc/self/cgroup)"
say 'limit seen inside' "$("$tsrun" exec limited cat /sys/fs/cgroup/memory.max)"
say 'exec is in it' "$("$tsrun" exec limited sh -c 'grep -c . /sys/fs/cgroup/cgroup.procs')"
say 'cloned into it' "$("$tsrun" run --dry-run --network none $image true | grep -o CLONE_INTO_CGROUP | head -n 1)"

# Thirty processes in all: the bomb's fuse is its own failure to fork.
say 'fork bomb' "$("$tsrun" exec limited sh -c 'n=0; while [ $n -lt 60 ]; do sleep 50 & n=$((n + 1)); done' 2>&1 | grep -o "can't fork" | head -n 1)"
say 'processes at most' "$(cat "$cgroups/$id/pids.peak" 2>/dev/null || cat "$cgroups/$id/pids.current")"
"$tsrun" stop -t 1 limited >/dev/null
say stopped "$("$tsrun" inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}' limited)"
say 'cgroup after stop' "$(test -e "$cgroups/$id" && echo there || echo gone)"

"$tsrun" run --name hog --network none -m 64m --memory-swap 64m $image \
  sh -c 'dd if=/dev/zero of=/dev/shm/hog bs=1M count=60 2>/dev/null; head -c 100000000 /dev/zero | tail -c 90000000' >/dev/null 2>/tmp/hog
say 'hog exits with' $?
say 'hog says' "$(grep -o 'out of memory' /tmp/hog)"
say 'hog was killed' "$("$tsrun" inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' hog)"

"$tsrun" run -d --name killed --network none $image sleep 1000 >/dev/null
"$tsrun" kill killed >/dev/null
say killed "$("$tsrun" inspect -f '{{.State.ExitCode}}' killed)"
"$tsrun" run -d --name removed --network bridge $image sleep 1000 >/dev/null
say 'rm -f' "$("$tsrun" rm -f removed hog killed limited | tr '\n' ' ')"

"$tsrun" run -d --name busy --network none -m 64m --cpus 0.5 $image sh -c 'while :; do :; done' >/dev/null
"$tsrun" run --name ended --network none $image true
say stats "$("$tsrun" stats --no-stream --format '{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}' busy)"
say 'stats of the ended' "$("$tsrun" stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' ended)"
"$tsrun" rm -f busy ended >/dev/null

# Block device 254:0 is the guest's disk where it has one; that it may not be opened is decided before it is looked for.
say 'device node' "$("$tsrun" run --rm --network none $image sh -c 'mknod /tmp/disk b 254 0 && cat /tmp/disk' 2>&1)"
say 'privileged device node' "$("$tsrun" run --rm --network none --privileged $image sh -c 'mknod /tmp/disk b 254 0 && cat /tmp/disk' 2>&1)"
say 'null device' "$("$tsrun" run --rm --network none $image sh -c 'mknod /tmp/null c 1 3 && echo x >/tmp/null && echo written' 2>&1)"

say 'containers left' "$("$tsrun" ps -aq)"
say 'cgroups left' "$(find "$cgroups" -mindepth 1 -type d 2>/dev/null)"
say 'monitors left' "$(pidof tsrun-monitor)"
