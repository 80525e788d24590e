/** Contexts about RUN and what it leaves. */
import type { BuildContext } from "./types.ts";

export const runContexts: readonly BuildContext[] = [
  {
    name: "deletions",
    dockerfile: `FROM localhost/plain
RUN mkdir -p /a/b/c /x/y /z && touch /a/1 /a/b/2 /a/b/c/3 /x/y/f /z/f
RUN rm /a/1 && rm -r /a/b/c && mkdir /a/b/c && touch /a/b/c/4
RUN rm -r /x && echo now-a-file > /x
RUN rm /x && mkdir -p /x/w && touch /x/w/1
RUN rm -r /z && mkdir /z && touch /z/g
RUN mv /a /renamed && mv /renamed/b /renamed/moved
RUN rm /bin/vi /www/index.html && rmdir /www && touch /gone && rm /gone
RUN rm -rf /x /z && mkdir -m 700 /z
RUN true
`,
  },
  {
    name: "kinds of files",
    dockerfile: `FROM localhost/plain
RUN mkfifo /fifo && mknod /null c 1 3 && mknod /loop b 7 0 && chmod 620 /fifo
RUN echo s > /setuid && chmod 6755 /setuid && mkdir -m 1777 /sticky && mkdir -m 2770 /setgid && chown 1:2 /setgid && chown -h 3:4 /setuid
RUN dd if=/dev/zero of=/sparse bs=1 count=1 seek=5000000 2> /dev/null && echo "$(umask)" > /umask && touch /default && mkdir /directory
RUN touch -d '2001-02-03 04:05:06' /dated && mkdir /old && touch -d '1999-01-01 00:00:00' /old && ln -s dated /link && ln /dated /hard
RUN chmod 700 /root && chown 9:9 /home && touch -d '2011-11-11 11:11:11' /etc/passwd
RUN mkdir -p "/ü/日本/a b" && echo x > "/ü/日本/a b/$(printf 'n%0200d' 1)" && cd /tmp && mkdir -p $(printf 'p%0100d/q%0100d/r%0100d' 1 2 3)
`,
  },
  {
    name: "forms of RUN",
    files: "echo mounted > mounted; mkdir dir; echo in > dir/in\n",
    dockerfile: `FROM localhost/plain AS one
RUN ["/bin/sh", "-c", "echo \\"exec form\\" > /exec"]
RUN ["touch", "/a b", "/$HOME"]
RUN echo one \\
  # a comment between
  && echo two > /continued \\

  && echo "three   spaces" >> /continued
FROM localhost/plain
COPY --from=one /exec /continued /
RUN --mount=type=bind,source=dir,target=/m cp /m/in /from-bind && touch /m/refused 2> /dev/null || echo refused > /refused
RUN --mount=type=bind,from=one,source=/exec,target=/e cat /e > /from-stage
RUN --mount=type=tmpfs,target=/fresh touch /fresh/file && ls /fresh > /in-tmpfs
RUN --mount=type=cache,target=/cache,mode=0700,uid=1000 stat -c '%a %u' /cache > /cache-mode && touch /cache/file
RUN --mount=type=bind,target=/context ls -A /context | grep -v Dockerfile > /listed
RUN a=1; b='$a'; echo "$a $b \\$a" > /quoting; echo 'back\\slash' >> /quoting
run echo lower > /lower
`,
  },
  {
    name: "what a RUN sees of its surroundings",
    dockerfile: `FROM localhost/plain
ARG GIVEN=argument
ENV SET=variable
RUN env | grep -v -E '^(PWD|SHLVL|HOSTNAME|OLDPWD|_)=' | sort > /environment; pwd > /pwd
WORKDIR /somewhere
RUN pwd > pwd; umask > umask; id > id; cat /proc/1/cmdline | tr '\\0' ' ' > pid1
USER app
RUN echo "$HOME $(id)" > /tmp/app
USER 4321
RUN echo "$HOME $(id)" > /tmp/number
USER 4321:video
RUN echo "$HOME $(id)" > /tmp/group
USER root:wheel
RUN echo "$HOME $(id)" > /tmp/root
ENV HOME=/given
RUN echo "$HOME" > /tmp/home; grep Cap /proc/self/status > /tmp/capabilities; grep NoNewPrivs /proc/self/status > /tmp/privileges
`,
  },
  {
    name: "volumes",
    files: "echo copied > copied\n",
    dockerfile: `FROM localhost/plain
RUN mkdir /data && echo before > /data/before
VOLUME /data /other
RUN echo after > /data/after && mkdir -p /other && echo other > /other/file
VOLUME ["/data", "/a b"]
COPY copied /data/
`,
  },
  {
    name: "a root without directories",
    files: "cp /bin/busybox busybox\n",
    dockerfile: `FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "mkdir", "/made"]
RUN ["/bin/busybox", "sh", "-c", "echo $0 > /made/file"]
`,
  },
  {
    name: "working directories",
    dockerfile: `FROM localhost/plain
WORKDIR /a
WORKDIR b
WORKDIR ../c/./d/
RUN pwd > pwd
ENV D=/d
WORKDIR $D/\${D}e
WORKDIR /etc
WORKDIR "/quo ted"
WORKDIR /x y
USER app
WORKDIR /home/app/new
RUN pwd > /tmp/pwd
USER 77:88
WORKDIR ../numbers
USER 99
WORKDIR ../number
USER root
RUN mkdir -p /real && ln -s real /link
WORKDIR /link/in
WORKDIR /
`,
  },
];
