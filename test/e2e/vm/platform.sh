#!/bin/bash
# Programs of another processor, told on standard output as `name: value` lines, which platform.test.ts judges. Runs
# inside scripts/vm, because an emulator is registered with the kernel for the whole machine.
# $1 is a folder with images' files: hello.tar has a program for arm64, alpine.tar.gz may be the real one.
tsrun=$(dirname "$(readlink -f "$0")")/../../../bin/tsrun
say() { printf '%s: %s\n' "$1" "${*:2}"; }
# A stage of this machine's own beside one of the other processor.
build() {
	printf '%s\n' 'FROM --platform=$BUILDPLATFORM tsrun/base AS tools' 'ARG TARGETARCH' \
		'RUN echo "for $TARGETARCH on $(uname -m)" >/told' 'FROM hello' 'COPY --from=tools /told /told' 'RUN ["/hello"]' |
		"$tsrun" build --network none --progress plain --platform linux/arm64 "$@" - 2>&1 | tr '\n' ' '
}
run() { "$tsrun" run --rm --network none "$@" 2>&1 | tr '\n' ' '; }

"$tsrun" import --platform linux/arm64 "$1/hello.tar" hello >/dev/null
say 'without binfmt_misc' "$(run --platform linux/arm64 hello /hello)"
say 'built without an emulator' "$(build)"

modprobe binfmt_misc
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
register() { echo ":qemu-aarch64:M::$magic:$mask:/usr/bin/qemu-aarch64-static:$1" >/proc/sys/fs/binfmt_misc/register; }
say 'without an emulator' "$(run --platform linux/arm64 hello /hello)"
register ''
say 'looked for in the container' "$(run --platform linux/arm64 hello /hello)"
echo -1 >/proc/sys/fs/binfmt_misc/qemu-aarch64
register F
say 'asked for' "$(run --platform linux/arm64 hello /hello)"
say 'not asked for' "$(run hello /hello)"
say created "$("$tsrun" create --network none hello /hello 2>&1 >/dev/null)"
say built "$(build -t built)"
say 'its platform' "$("$tsrun" image inspect -f '{{.Os}}/{{.Architecture}}' built)"
say 'what it is of' "$(printf 'FROM built\n' | "$tsrun" build -q --platform linux/arm64 -o - - | tar -xO told)"
if [ -e "$1/alpine.tar.gz" ]; then
	"$tsrun" import --platform linux/arm64 "$1/alpine.tar.gz" alpine >/dev/null
	say 'built of alpine' "$(printf 'FROM alpine\nRUN uname -m; apk --print-arch; adduser -D app\nUSER app\nRUN id -un\n' |
		"$tsrun" build --network none --progress plain --platform linux/arm64 - 2>&1 | sed -n 's/^#[0-9]* [0-9.]* //p' | grep -v '^writing image' | tr '\n' ' ')"
	say alpine "$(run --platform linux/arm64 alpine sh -c 'uname -m; cat /etc/alpine-release; apk --print-arch')"
fi
