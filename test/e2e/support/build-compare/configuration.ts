/** Contexts about the configuration, variables and stages. */
import type { BuildContext } from "./types.ts";

export const configurationContexts: readonly BuildContext[] = [
  {
    name: "variables",
    dockerfile: `ARG BASE=plain
ARG GLOBAL=global
ARG OVERRIDDEN=global
FROM localhost/\${BASE}
ARG GLOBAL
ARG OVERRIDDEN=stage
ARG VERSION=1
ARG NOTHING
ARG DERIVED=$VERSION-\${GLOBAL}
ENV A=a B="b c" C=b\\ c D='$A' E="$A"
ENV OLD form  with spaces
ENV A=new F=$A G=\${A}
ENV H=\${NOTHING:-default} I=\${A:+set} J=\${NOTHING:+set} K=\\$A L="\\"quoted\\"" M=\${VERSION}-x N=$UNSET. O=\${H:-$A}
ENV VERSION=\${VERSION}.1 EMPTY=
LABEL version=$VERSION "key with space"="x y" multi="line1 \\
line2" single='$A' plain=$A$B
RUN env | grep -E '^([A-Z]|OLD|GLOBAL|DERIVED|VERSION|EMPTY|OVERRIDDEN|NOTHING)=' | sort > /env
WORKDIR /$A/\${B}
EXPOSE 80$NOTHING 9$VERSION0/udp
USER \${UNSET:-app}
STOPSIGNAL \${SIG:-SIGTERM}
VOLUME ["/$A/data"]
COPY --chown=\${UNSET:-app} Dockerfile /$A/$VERSION/
CMD echo $A
ONBUILD RUN echo $A
`,
    flags: ["--build-arg", "VERSION=2", "--build-arg", "OVERRIDDEN=given"],
  },
  {
    name: "commands and entrypoints",
    targets: ["reset", "kept", "shells", "emptied", "later", "child", "quoted"],
    dockerfile: `FROM localhost/rich AS reset
ENTRYPOINT ["new", "entry"]
FROM localhost/rich AS kept
CMD ["mine"]
ENTRYPOINT ["new"]
FROM localhost/plain AS shells
CMD echo $HOME && true
ENTRYPOINT exec top -b
SHELL ["/bin/sh", "-ec"]
CMD after the shell
FROM localhost/rich AS emptied
ENTRYPOINT []
CMD []
FROM localhost/rich AS later
CMD ["one"]
CMD ["two"]
FROM later AS child
ENTRYPOINT ["of child"]
FROM localhost/plain AS quoted
ENTRYPOINT ["printf", "\\u001b[1m\\tü €\\u00a0\\"<&>\\"\\\\n"]
CMD ['not json']
`,
  },
  {
    name: "metadata",
    targets: ["more", "less", "on-top"],
    dockerfile: `FROM localhost/rich AS more
MAINTAINER A Person <person@example.org>
LABEL changed=changed new="a b" "quoted key"=v empty=
LABEL one=1 two=2 \\
      three=3
EXPOSE 80 443/tcp 53/udp 7000-7002 8000-8001/udp 80
STOPSIGNAL SIGQUIT
SHELL ["/bin/sh", "-eu", "-c"]
USER app:app
VOLUME /v1 /v2
HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=2s --retries=5 CMD wget -q "http://localhost/" || exit 1
FROM localhost/rich AS less
HEALTHCHECK NONE
USER root
STOPSIGNAL 9
HEALTHCHECK --retries=2 CMD ["true", "x y"]
FROM less AS on-top
HEALTHCHECK NONE
LABEL less=""
`,
    flags: ["--label", "flag=by flag", "--label", "changed=by flag"],
  },
  {
    name: "a parent's ONBUILD",
    files: "echo hello > message; mkdir dir; echo d > dir/d\n",
    targets: ["own", "of-stage", "grandchild"],
    dockerfile: `FROM localhost/onbuild AS own
RUN cat /message > /seen
ONBUILD RUN echo own > /own
FROM localhost/plain AS parent
ONBUILD ARG A=a
ONBUILD ENV B=$A
ONBUILD COPY dir /dir
ONBUILD RUN echo "$A $B" > /ab
FROM parent AS of-stage
RUN cat /ab > /ab2
FROM of-stage AS grandchild
RUN ls / | grep -c ab > /count
`,
  },
  {
    name: "stages",
    files: "echo source > source\n",
    targets: ["final", "middle"],
    dockerfile: `FROM localhost/plain AS build
ARG KEPT=kept
WORKDIR /out
COPY source .
RUN cat source > product && mkdir -p sub && echo s > sub/s && chown -R 1000:10 sub && chmod 750 sub && ln -s product link && ln product hard
FROM localhost/plain
RUN echo numbered > /numbered
FROM build AS middle
RUN echo "middle $KEPT" > middle
ENV FROM_MIDDLE=1
FROM localhost/plain AS unused
RUN exit 1
FROM localhost/rich AS final
COPY --from=build /out/product /product
COPY --from=1 /numbered /
COPY --from=middle /out /out
COPY --from=build --chown=app:app /out/sub /owned
COPY --from=localhost/plain /etc/passwd /passwd-of-image
COPY --from=build /out/s* /out/l* /matched/
`,
  },
  {
    name: "a stage's name in another case",
    dockerfile:
      "FROM localhost/plain AS One\nRUN echo one > /one\nFROM localhost/plain\nCOPY --from=oNE /one /two\n",
    refused: { buildah: "it knows names of stages as they are written only" },
  },
  {
    name: "from nothing",
    files:
      "mkdir -p root/bin root/etc; cp /bin/busybox root/bin/busybox; ln -s busybox root/bin/sh; echo h > root/etc/hostname\n",
    dockerfile: `FROM scratch
COPY root /
COPY root/etc/hostname /only/
ENV ONLY=1
LABEL l=1
ENTRYPOINT ["/bin/sh"]
`,
  },
  {
    name: "ways to write it",
    dockerfile: `# escape=\`
# a comment
from localhost/plain as Final

run echo one \`
    two \`
# between
    three > /out
\tENV\tTABBED=1
Env lower=case  UPPER=CASE
  LABEL   indented="yes"
RUN echo 'back\\slash' > /windows && echo "$lower" >> /windows
COPY Dockerfile \`

     /copied
CMD [ "a" , "b" ]
`,
  },
  {
    name: "a base without a configuration",
    dockerfile: `FROM localhost/bare
RUN ["/bin/sh", "-c", "echo $PATH > /path"]
ENV A=1
`,
  },
];
