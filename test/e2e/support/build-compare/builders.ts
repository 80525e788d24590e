/** What builds a context: tsrun, docker with BuildKit, buildah. */
import { join } from "node:path";
import type { OtherTools } from "../../../support/other-tools.ts";
import type { Host } from "../host.ts";
import { busyboxImage } from "../images.ts";

export interface Builder {
  readonly name: "tsrun" | "docker" | "buildah";
  /** Builds a directory and writes the image as an archive. */
  build(context: string, archive: string, flags: readonly string[]): Promise<void>;
}

/** What RUN needs to have files mounted on: other builders make it where it is missing. */
const PLACES = ["run/", "etc/hosts", "etc/resolv.conf", "etc/hostname"].map((path) => ({ path }));

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const BASES = {
  plain: busyboxImage(PLACES),
  bare: { ...busyboxImage(PLACES), config: {} },
  onbuild: busyboxImage(PLACES, {
    OnBuild: [
      "COPY message /message",
      'RUN echo "of the parent" >> /message',
      "ENV PARENT=1",
      'CMD ["cat", "/message"]',
    ],
  }),
  rich: busyboxImage(PLACES, {
    Env: [PATH, "BASE=base"],
    Entrypoint: ["base", "entrypoint"],
    Cmd: ["base", "command"],
    WorkingDir: "/home",
    Labels: { kept: "base", changed: "base" },
    ExposedPorts: { "1111/tcp": {} },
    Volumes: { "/base": {} },
    StopSignal: "SIGINT",
    Healthcheck: { Test: ["CMD", "base"], Interval: 5_000_000_000, Retries: 7 },
  }),
};

/** With the base images, localhost/NAME, in all their stores. */
export async function startBuilders({ registry, output }: Host, tools: OtherTools): Promise<Builder[]> {
  const { docker, buildah } = tools;
  for (const [name, image] of Object.entries(BASES)) {
    await registry().pushImage(`compare/${name}`, ["latest"], { ...image, format: "docker" });
    const [remote, local] = [`${registry().host}/compare/${name}`, `localhost/${name}`];
    await Promise.all([
      output("pull", "-q", remote).then(() => output("tag", remote, local)),
      docker("pull", "-q", remote).then(() => docker("tag", remote, local)),
      buildah("pull", "-q", "--tls-verify=false", remote).then(() => buildah("tag", remote, local)),
    ]);
  }
  let last = 0;
  const nextName = (): string => `localhost/built:${++last}`;
  return [
    {
      name: "tsrun",
      async build(context, archive, flags) {
        const name = nextName();
        await output("build", "--network", "none", "-t", name, ...flags, context);
        await output("save", "-o", archive, name);
      },
    },
    {
      name: "docker",
      async build(context, archive, flags) {
        const name = nextName();
        await docker("build", "--network", "none", "-t", name, ...flags, context);
        await docker("save", "-o", archive, name);
      },
    },
    {
      name: "buildah",
      async build(context, archive, flags) {
        const name = nextName();
        // Its RUNs lack a capability that those of the others have; without a runtime they have the host's network.
        const kind = ["--format", "docker", "--layers", "--isolation", "chroot", "--cap-add", "MKNOD"];
        await buildah(
          "bud",
          "-q",
          "--pull=never",
          "--network",
          "host",
          ...kind,
          "-t",
          name,
          ...flags,
          context,
        );
        await buildah("push", "-q", name, `docker-archive:${archive}:${name}`);
      },
    },
  ];
}

export const archiveOf = (directory: string, builder: Builder): string =>
  join(directory, `${builder.name}.tar`);
