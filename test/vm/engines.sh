#!/bin/bash
# Containers that podman, docker and containerd run with tsrun-oci on cgroup v2, told on standard output as `name: value`
# lines, which engines.test.ts judges; standard error has what is asked when. Runs inside scripts/vm.
#   engines.sh DIRECTORY   which has image.tar, containers.conf and daemon.json
directory=$1
image=docker.io/library/box:latest
runtime=$(dirname "$(readlink -f "$0")")/../../bin/tsrun-oci
data=/var/lib/tsrun-test
say() { printf '%s: %s\n' "$1" "${*:2}"; }
# What a command says on either stream in one line, and its exit code.
tell() {
	local said code
	printf '%4d s  %s\n' $SECONDS "$1" >&2
	said=$("${@:2}" 2>&1)
	code=$?
	say "$1" "$(printf %s "$said" | tr -s '\r\n' ' ') ($code)"
}
limits='cd /sys/fs/cgroup; cat memory.max pids.max cpu.max'
patient='trap "exit 3" TERM; while :; do sleep 0.2; done'
# containerd's shim looks for memory that ran out once the container has started, and tells of it and of the end in any
# order (fixed in containerd by pull request 12714): the container lives for a while before and after.
hungry='sleep 2; dd if=/dev/zero of=/dev/null bs=100M count=1; code=$?; sleep 2; exit $code'

# The words that docker and podman share: engine NAME PROGRAM...
engine() {
	local name=$1 client=("${@:2}")
	local run=("${client[@]}" run --cgroup-parent "/$name" --network none)
	tell "$name run" "${run[@]}" --rm $image sh -c 'echo out; exit 7'
	tell "$name missing" "${run[@]}" --rm $image nothing-here
	tell "$name terminal" script -qec "${run[*]} --rm -it $image tty" /dev/null
	"${run[@]}" -d --name patient -m 64m --memory-swap 64m --pids-limit 40 --cpus 0.5 $image sh -c "$patient" >/dev/null
	tell "$name limits" "${client[@]}" exec patient sh -c "$limits"
	tell "$name exec" "${client[@]}" exec -u app -w /tmp -e A=b patient sh -c 'id -un; pwd; echo $A; exit 5'
	"${client[@]}" update -m 32m --memory-swap 32m patient >/dev/null
	tell "$name updated" "${client[@]}" exec patient cat /sys/fs/cgroup/memory.max
	"${client[@]}" pause patient >/dev/null
	tell "$name paused" "${client[@]}" inspect -f '{{.State.Status}}' patient
	tell "$name frozen" cat "$(find "/sys/fs/cgroup/$name" -name cgroup.freeze -exec grep -l 1 {} + | head -n 1)"
	"${client[@]}" unpause patient >/dev/null
	tell "$name stats" "${client[@]}" stats --no-stream --format '{{.MemUsage}}' patient
	"${client[@]}" stop -t 60 patient >/dev/null
	tell "$name stopped" "${client[@]}" wait patient
	tell "$name hungry" "${run[@]}" --name hungry -m 20m --memory-swap 20m $image sh -c "$hungry"
	tell "$name killed" "${client[@]}" inspect -f '{{.State.OOMKilled}}' hungry
	"${client[@]}" rm patient hungry >/dev/null
	say "$name left" "$(find "/sys/fs/cgroup/$name" -mindepth 1 -type d ! -name conmon)"
}

podman=(env "CONTAINERS_CONF=$directory/containers.conf" podman --root $data/podman --runroot $data/podman-run
	--storage-driver overlay --tmpdir $data/podman-tmp --events-backend file)
"${podman[@]}" load -q -i "$directory/image.tar" >/dev/null
engine podman "${podman[@]}"
say 'podman state left' "$(ls /run/tsrun/oci)"

# until_ready PID COMMAND...: waits for a daemon that answers, and says why one does not.
until_ready() {
	while ! "${@:2}" >/dev/null 2>&1; do
		kill -0 "$1" 2>/dev/null || { tail $data/*.log >&2; exit 1; }
		sleep 0.2
	done
}

# One containerd for both: dockerd would give one of its own no more than 15 seconds to start.
printf 'version = 2\nroot = "%s"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' $data/containerd >$data/config.toml
containerd --config $data/config.toml >$data/containerd.log 2>&1 &
until_ready $! ctr version
dockerd --config-file "$directory/daemon.json" --containerd /run/containerd/containerd.sock >$data/dockerd.log 2>&1 &
until_ready $! /usr/bin/docker version
/usr/bin/docker load -q -i "$directory/image.tar" >/dev/null
engine docker /usr/bin/docker
say 'docker state left' "$(ls /run/docker/runtime-runc/moby)"

ctr image import "$directory/image.tar" >/dev/null
run=(ctr run --runc-binary "$runtime")
tell 'containerd run' "${run[@]}" --rm $image once sh -c 'echo out; exit 7'
tell 'containerd missing' "${run[@]}" --rm $image missing nothing-here
tell 'containerd terminal' script -qec "${run[*]} --rm -t $image typed tty" /dev/null
"${run[@]}" -d --memory-limit 67108864 --cpus 0.5 $image patient sh -c "$patient"
say 'containerd limits' "$(cd /sys/fs/cgroup/default/patient && cat memory.max cpu.max | tr '\n' ' ')"
tell 'containerd exec' ctr task exec --exec-id one --user 1000 --cwd /tmp patient sh -c 'id -un; pwd; exit 5'
ctr task pause patient
say 'containerd frozen' "$(cat /sys/fs/cgroup/default/patient/cgroup.freeze)"
ctr task resume patient
say 'containerd metrics' "$(ctr task metrics patient | awk '/^(memory.usage_limit|pids.current)/ { printf "%s ", $1 }')"
ctr task kill -s TERM patient
for _ in $(seq 100); do
	ctr task list | grep -q RUNNING || break
	sleep 0.1
done
tell 'containerd stopped' ctr task delete patient
ctr container delete patient
say 'containerd left' "$(find /sys/fs/cgroup/default -mindepth 1 -type d) $(ls /run/containerd/runc/default)"
say 'processes left' "$(ps -eo comm= | grep -E '^(conmon|containerd-shim|tsrun|node|MainThread)')"
