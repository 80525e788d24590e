/** The Dockerfiles that tutorials teach, built and run. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/engine.ts";
import { debianLayer } from "./support/debian.ts";
import { useHost } from "./support/host.ts";

const host = useHost({ pull: ["busybox"] });
const { output, tsrun } = host;

function contextOf(files: Record<string, string>): string {
  const context = mkdtempSync(join(host.directory, "context-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(context, name)), { recursive: true });
    writeFileSync(join(context, name), text);
  }
  return context;
}

/** Builds the files as an image of that name, which has to succeed. */
async function build(name: string, files: Record<string, string>, ...flags: string[]): Promise<void> {
  const { code, stderr } = await tsrun("build", "--network", "none", "-t", name, ...flags, contextOf(files));
  if (code !== 0) throw new Error(stderr);
}
const run = (...args: string[]): Promise<string> => output("run", "--rm", "--network", "none", ...args);
const inspect = (image: string, template: string): Promise<string> =>
  output("image", "inspect", "-f", template, image);

describe("on a Debian", () => {
  beforeAll(async () => {
    await host.registry().pushImage("library/debian", ["12"], {
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      layers: [debianLayer("redis-server,nginx-light,python3-minimal,libpython3-stdlib")],
      config: { Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], Cmd: ["bash"] },
    });
    await output("pull", "-q", "debian:12");
  }, 600_000);

  test("a Python program with its dependencies as wheels, as a user of its own", async () => {
    const files = {
      "greeting.py": "def greet(who): return f'hello {who}'\n",
      "app.py":
        "import getpass, greeting, os\nprint(greeting.greet(os.environ['WHO']), getpass.getuser(), os.getcwd())\n",
      Dockerfile: `
# the dependencies first: they change less often than the program
FROM debian:12
WORKDIR /usr/src/app
COPY wheels/ /wheels/
RUN for wheel in /wheels/*.whl; do python3 -m zipfile -e "$wheel" /usr/lib/python3/dist-packages; done
COPY app.py .
RUN groupadd -r app && useradd -r -g app app && \\
    chown -R app:app /usr/src/app
USER app
ENV WHO=world
EXPOSE 8000
CMD ["python3", "app.py"]
`,
    };
    const context = contextOf(files);
    mkdirSync(join(context, "wheels"));
    const wheel = "wheels/greeting-1.0-py3-none-any.whl";
    execFileSync("python3", ["-m", "zipfile", "-c", wheel, "greeting.py"], { cwd: context });
    expect(await tsrun("build", "-q", "--network", "none", "-t", "python-app", context)).toMatchObject({
      code: 0,
    });
    expect(await run("python-app")).toBe("hello world app /usr/src/app");
    expect(await run("-e", "WHO=Ann", "python-app")).toBe("hello Ann app /usr/src/app");
    expect(await inspect("python-app", "{{.Config.User}} {{.Config.ExposedPorts}}")).toBe(
      "app map[8000/tcp:{}]",
    );
    // The program alone has changed: what its wheels became is there.
    writeFileSync(join(context, "app.py"), "print('new')\n");
    const again = await tsrun("build", "--network", "none", "-t", "python-app", context);
    expect(again.stderr).toMatch(/\[4\/6\] RUN for wheel .*\n#\d+ CACHED/);
    expect(await run("python-app")).toBe("new");
  });

  test("a web server with pages of one's own", async () => {
    await build("web", {
      "site/index.html": "<h1>hello</h1>\n",
      Dockerfile:
        'FROM debian:12\nCOPY --chown=www-data:www-data --chmod=640 site /var/www/html\nEXPOSE 80\nSTOPSIGNAL SIGQUIT\nCMD ["nginx", "-g", "daemon off;"]\n',
    });
    const id = await output("run", "-d", "--network", "none", "web");
    try {
      await until(async () => {
        const { stdout } = await tsrun(
          "exec",
          id,
          "python3",
          "-c",
          "import urllib.request as u; print(u.urlopen('http://127.0.0.1').read())",
        );
        return stdout.includes("<h1>hello</h1>");
      });
      expect(await output("exec", id, "stat", "-c", "%U:%G %a", "/var/www/html/index.html")).toBe(
        "www-data:www-data 640",
      );
    } finally {
      await output("rm", "-f", id);
    }
  });
});

describe("on a small base", () => {
  test("a compiled program alone: stages, and nothing but the result", async () => {
    await build("static", {
      "hello.sh": "echo compiled\n",
      Dockerfile: `
FROM busybox AS build
WORKDIR /src
COPY hello.sh .
RUN mkdir -p /out/bin && cp /bin/busybox /out/bin/sh && sh hello.sh > /out/message

FROM busybox AS unused
RUN exit 1

FROM scratch
COPY --from=build /out /
ENTRYPOINT ["/bin/sh", "-c", "read message < /message; echo $message"]
`,
    });
    expect(await run("static")).toBe("compiled");
    expect(await inspect("static", "{{len .RootFS.Layers}}")).toBe("1");
    const { stdout } = await host.shell("tsrun save static | tar -xO manifest.json");
    expect(JSON.parse(stdout)[0].Layers).toHaveLength(1);
  });

  test("ENTRYPOINT and CMD in both forms, and an entrypoint script", async () => {
    await build("exec-form", { Dockerfile: 'FROM busybox\nENTRYPOINT ["echo", "from"]\nCMD ["cmd"]\n' });
    expect([await run("exec-form"), await run("exec-form", "user")]).toEqual(["from cmd", "from user"]);
    await build("shell-form", {
      Dockerfile: "FROM busybox\nENV WHO=shell\nENTRYPOINT echo from $WHO\nCMD ignored\n",
    });
    expect(await run("shell-form", "user")).toBe("from shell");
    await build("script", {
      "docker-entrypoint.sh":
        '#!/bin/sh\nset -e\n[ "$1" = serve ] && set -- echo serving "$PORT"\nexec "$@"\n',
      Dockerfile:
        'FROM busybox\nCOPY --chmod=755 docker-entrypoint.sh /usr/local/bin/\nENV PORT=80\nENTRYPOINT ["docker-entrypoint.sh"]\nCMD ["serve"]\n',
    });
    expect([await run("script"), await run("script", "echo", "other")]).toEqual(["serving 80", "other"]);
  });

  test("versions as arguments, of the base too", async () => {
    const Dockerfile = `
ARG TAG=latest
FROM busybox:\${TAG}
ARG VERSION=1.0
ARG UNSET
LABEL org.opencontainers.image.version=$VERSION
ENV APP_VERSION=v\${VERSION} MODE=\${UNSET:-default}
RUN echo "$APP_VERSION $MODE" > /version
CMD cat /version
`;
    await build("versions", { Dockerfile });
    expect(await run("versions")).toBe("v1.0 default");
    await build(
      "versions",
      { Dockerfile },
      "--build-arg",
      "VERSION=2.1",
      "--build-arg",
      "TAG=1",
      "--build-arg",
      "UNSET=x",
    );
    expect(await run("versions")).toBe("v2.1 x");
    expect(await inspect("versions", '{{index .Config.Labels "org.opencontainers.image.version"}}')).toBe(
      "2.1",
    );
  });

  test("a job with its table and its volume", async () => {
    await build("cron", {
      "crontabs/root": "* * * * * date > /data/last\n",
      Dockerfile:
        "FROM busybox\nCOPY crontabs /var/spool/cron/crontabs\nRUN mkdir /data && echo never > /data/last\nVOLUME /data\nCMD crond -f\n",
    });
    const id = await output("run", "-d", "--network", "none", "cron");
    try {
      // What the image has at the volume's place is in the volume.
      expect(await output("exec", id, "cat", "/data/last")).toBe("never");
      expect(await output("inspect", "-f", "{{range .Mounts}}{{.Type}} {{.Destination}}{{end}}", id)).toBe(
        "volume /data",
      );
      expect((await output("exec", id, "pidof", "crond")).trim()).not.toBe("");
    } finally {
      await output("rm", "-f", "-v", id);
    }
  });

  test("heredocs, caches of package managers, and what a child image has to do", async () => {
    const Dockerfile = `# syntax=docker/dockerfile:1
FROM busybox
SHELL ["/bin/sh", "-euc"]
RUN <<EOF
mkdir -p /etc/app
echo one > /etc/app/one
EOF
COPY <<-"CONF" /etc/app/app.conf
	home = $HOME
	CONF
RUN --mount=type=cache,target=/cache \\
    if [ -e /cache/seen ]; then echo again; else echo first; fi > /cache-was; touch /cache/seen
HEALTHCHECK --interval=1s --retries=2 CMD test -e /etc/app/one
ONBUILD COPY message /message
ONBUILD RUN echo "built on" >> /message
CMD cat /etc/app/one /etc/app/app.conf /cache-was
`;
    await build("parent", { Dockerfile });
    expect(await run("parent")).toBe("one\nhome = $HOME\nfirst");
    await build("parent", { Dockerfile }, "--no-cache");
    expect(await run("parent")).toBe("one\nhome = $HOME\nagain");
    expect(await inspect("parent", "{{json .Config.Healthcheck.Test}}")).toBe(
      '["CMD-SHELL","test -e /etc/app/one"]',
    );
    await build("child", { message: "a message\n", Dockerfile: "FROM parent\nCMD cat /message\n" });
    expect(await run("child")).toBe("a message\nbuilt on");
  });
});
