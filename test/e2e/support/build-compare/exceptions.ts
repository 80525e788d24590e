/** Where images of the same context differ for a reason; docs/build.md says the same in a reader's words. */

export interface Exception {
  readonly peer: "docker" | "buildah";
  /** The context's name; all without it. */
  readonly context?: string;
  /** Of a line as differences() writes it: "what" field: tsrun's, not the peer's. */
  readonly difference: RegExp;
  readonly why: string;
}

export const exceptions: readonly Exception[] = [
  {
    peer: "docker",
    difference: /^"\(history\) \d\d" created_by: "(COPY|ADD) --ch(own|mod)=/,
    why: "BuildKit names the flags since 0.13",
  },
  {
    peer: "docker",
    difference: /^"\(history\) \d\d" created_by: "(EXPOSE \[|HEALTHCHECK \{Test:)/,
    why: "BuildKit writes EXPOSE so since 0.25, HEALTHCHECK after 0.29; before, both were Go's maps and pointers",
  },
  {
    peer: "docker",
    difference: /^"\(history\) \d\d" created_by: "ARG \w+=/,
    why: "BuildKit writes the value that an ARG has since 0.14, before that the default that it might have had",
  },
  {
    peer: "docker",
    difference: /^"\(history\) \d\d" created_by: "RUN \|1 \w+=\w+ /,
    why: "BuildKit names ARGs of the stage below since 0.15; its RUNs have always had them",
  },
  {
    peer: "docker",
    difference: /^"\(history\) 07" created_by: "WORKDIR \/d\/de", not "WORKDIR \/d\/\/de"$/,
    why: "BuildKit writes the path without its slashes too many since 0.12",
  },
  {
    peer: "docker",
    difference: /^"\(history\) \d\d" empty_layer: true, not nothing$/,
    why: "what has written nothing needs no layer, and images cannot have more than 127",
  },
  {
    peer: "docker",
    difference: /^"\/[^"]*" mtime: 1600000000, not "now"$/,
    why: "BuildKit keeps the times of a context's directories since 0.11",
  },
  {
    peer: "docker",
    context: "owners and modes",
    difference: /^"\/chmod\/tree\/(sub|empty)" mode: "755", not "[12]755"$/,
    why: "--chmod=755 is the whole mode since BuildKit 0.13",
  },
  ...(["docker", "buildah"] as const).map((peer) => ({
    peer,
    context: "archives",
    difference: /^"\/owned\/d[^"]*" owner: "1000:1000", not "7:8"$/,
    why: "ADD --chown of an archive is heeded by BuildKit since 0.23",
  })),
  {
    peer: "docker",
    difference: /^"\/moved" xattrs: \["user\.note=/,
    why: "docker's layers have the one attribute security.capability",
  },
  {
    peer: "docker",
    context: "what a RUN sees of its surroundings",
    difference: /^"\/(somewhere\/id|tmp\/\w+)" (size|sum): /,
    why: "a user's first group is among the supplementary ones since BuildKit 0.12 (CVE-2022-36109)",
  },
  ...(["docker", "buildah"] as const).map((peer) => ({
    peer,
    context: "a root without directories",
    difference: /^"\/(dev|etc|proc|sys|run)(\/[^"]*)?" entry: nothing, not \{/,
    why: "what was made to mount something on it is no part of the image",
  })),
  {
    peer: "docker",
    context: "forms of RUN",
    difference: /^"\/(m|e|fresh|cache|context)" entry: nothing, not \{"type":"(directory|file)"/,
    why: "what was made to mount something on it is no part of the image; a newer BuildKit takes it away",
  },

  { peer: "buildah", difference: /^"\(history\) \d\d"/, why: "it writes the history of the classic builder" },
  { peer: "buildah", difference: /^"\(config\) ArgsEscaped" /, why: "deprecated, but what docker writes" },
  { peer: "buildah", difference: /^"\(config\) Labels" .*"io\.buildah\.version"/, why: "a label of its own" },
  { peer: "buildah", difference: /^"\/run" mtime: /, why: "it mounts files there, and leaves the new time" },
  {
    peer: "buildah",
    difference: /^"\(config\) WorkingDir" entry: \{"value":"\/"\}, not nothing$/,
    why: "docker's images without a base have one",
  },
  {
    peer: "buildah",
    context: "owners and modes",
    difference: /^"[^"]*" mode: "(4755|2750)", not "755|750"$/,
    why: "it gives files away after it has set their modes, which takes setuid and setgid",
  },
  {
    peer: "buildah",
    difference: /^"\/all\/[a-z/]+" mtime: 1600000000, not "now"$/,
    why: "a directory's time is not kept where something in it is left out",
  },
  {
    peer: "buildah",
    context: "links",
    difference: /^"\/not\/yet(\/one)?" /,
    why: "what a link leads to that is not there yet becomes a file for docker, for it a directory",
  },
  {
    peer: "buildah",
    context: "copying onto what is there",
    difference: /^"(\/link|\/etc\/passwd)" /,
    why: "docker writes to what a link leads to, it replaces the link",
  },
  {
    peer: "buildah",
    context: "names, sizes, times",
    difference: /^"\/(all|two)\/empty" mtime: 946684799, not 946684800$/,
    why: "it rounds times up",
  },
  {
    peer: "buildah",
    context: "what a RUN sees of its surroundings",
    difference: /^"\/somewhere\/pid1" /,
    why: "without a runtime, pid 1 is its own",
  },
  {
    peer: "buildah",
    context: "volumes",
    difference: /^"\/(data\/after|other\/file)" entry: \{.*, not nothing$/,
    why: "it forgets what a RUN writes to a volume, as the classic builder does; BuildKit does not",
  },
  {
    peer: "buildah",
    context: "working directories",
    difference: /^"\/[^"]+" (entry: \{"type":"directory".*, not nothing|owner: "99:99", not "0:0")$/,
    why: "it makes the directory of the next RUN or COPY only, and makes it root's",
  },
  {
    peer: "buildah",
    context: "variables",
    difference: /^"\/new(\/b c)?" owner: "0:0", not "1000:1000"$/,
    why: "it has not made WORKDIR's directory by then, so that COPY --chown makes it, and gives it away",
  },
  {
    peer: "buildah",
    context: "commands and entrypoints",
    difference: /^"\(config\) Cmd" value: \["\/bin\/sh","-ec",/,
    why: "it does not heed SHELL for a CMD",
  },
  {
    peer: "buildah",
    context: "metadata",
    difference: /^"\(config\) ExposedPorts" /,
    why: "it writes ranges of ports as they are, which docker takes for no port",
  },
  {
    peer: "buildah",
    context: "stages",
    difference: /^"\/out\/middle" (size|sum): /,
    why: "it does not know the ARGs of the stage that a stage begins with",
  },
];
