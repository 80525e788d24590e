#!/bin/bash
# Limits of an ordinary user's containers on a machine with cgroup v2, where a part of the tree is delegated to the user as
# systemd would do it, told on standard output as `name: value` lines, which rootless.test.ts judges. Runs inside
# scripts/vm and scripts/test-host.
unset TSRUN_ROOT TSRUN_RUN TSRUN_CONFIG
here=$(dirname "$(readlink -f "$0")")/../../..
image=tsrun/base
say() { printf '%s: %s\n' "$1" "${*:2}"; }
export TSRUN_TEST_UID=51239
user=/sys/fs/cgroup/user.slice/user@$TSRUN_TEST_UID.service

mkdir -p "$user/session" "$user/app"
echo '+cpu +cpuset +io +memory +pids' >"${user%/*}/cgroup.subtree_control"
for directory in "$user" "$user/session"; do
	chown $TSRUN_TEST_UID "$directory" "$directory"/cgroup.{procs,threads,subtree_control}
done
export TSRUN_TEST_CGROUP=$user/session
tsrun() { "$here/scripts/test-user" "$here/bin/tsrun" "$@"; }

tsrun pull -q $image >/dev/null
id=$(tsrun run -d --name limited --network none -m 64m --cpus 0.5 --pids-limit 30 $image sleep 1000)
group=$user/tsrun/$id
say memory.max "$(cat "$group/memory.max")"
say cpu.max "$(cat "$group/cpu.max")"
say pids.max "$(cat "$group/pids.max")"
say 'cgroup seen inside' "$(tsrun exec limited cat /proc/self/cgroup)"
say 'limit seen inside' "$(tsrun exec limited cat /sys/fs/cgroup/memory.max)"
tsrun pause limited >/dev/null
say paused "$(tsrun inspect -f '{{.State.Status}}' limited) $(cat "$group/cgroup.freeze")"
tsrun unpause limited >/dev/null
say stats "$(tsrun stats --no-stream --format '{{.PIDs}} {{.MemUsage}}' limited)"
tsrun update -m 96m --memory-swap 96m limited >/dev/null
say updated "$(cat "$group/memory.max")"
tsrun rm -f limited >/dev/null
say 'cgroup after rm' "$(test -e "$group" && echo there || echo gone)"

tsrun run --name hog --network none -m 64m --memory-swap 64m $image \
	sh -c 'head -c 200000000 /dev/zero | tail -c 190000000' >/dev/null 2>&1
say 'hog exits with' $?
say 'hog was killed' "$(tsrun inspect -f '{{.State.OOMKilled}}' hog)"

say doctor "$(tsrun doctor | grep 'cgroup delegation')"
TSRUN_TEST_CGROUP=/sys/fs/cgroup/job
say 'elsewhere' "$(tsrun run --rm -m 64m --network none $image true 2>&1 | tr '\n' ' ')"
