/**
 * The Dockerfiles that need compilers and package managers. Their base is a Debian of 650 MB, which debootstrap takes
 * minutes to make: they run where TSRUN_TEST_TOOLCHAINS=1 asks for them.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { debianLayer } from "./support/debian.ts";
import { useHost } from "./support/host.ts";

const isAsked = process.env.TSRUN_TEST_TOOLCHAINS === "1";

describe.runIf(isAsked)("with the tools of a Debian", () => {
  const host = useHost({ pull: [] });
  const { output, tsrun } = host;

  beforeAll(async () => {
    await host.registry().pushImage("library/debian", ["12"], {
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      layers: [debianLayer("gcc,libc6-dev,python3-pip,nodejs,cron")],
      config: { Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], Cmd: ["bash"] },
    });
    await output("pull", "-q", "debian:12");
  }, 1_200_000);

  async function build(name: string, files: Record<string, string>): Promise<void> {
    const context = mkdtempSync(join(host.directory, "context-"));
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(context, file)), { recursive: true });
      writeFileSync(join(context, file), text);
    }
    const { code, stderr } = await tsrun("build", "--network", "none", "-t", name, context);
    if (code !== 0) throw new Error(stderr);
  }
  const run = (...args: string[]): Promise<string> => output("run", "--rm", "--network", "none", ...args);

  test("a C program, static, alone in its image", async () => {
    await build("hello", {
      "hello.c":
        '#include <stdio.h>\nint main(int argc, char **argv) { printf("hello from %s, %d\\n", argv[0], argc); return 0; }\n',
      Dockerfile:
        'FROM debian:12 AS build\nWORKDIR /src\nCOPY hello.c .\nRUN gcc -O2 -static -o /hello hello.c && strip /hello\nFROM scratch\nCOPY --from=build /hello /hello\nENTRYPOINT ["/hello"]\n',
    });
    expect(await run("hello", "a", "b")).toBe("hello from /hello, 3");
    expect(Number(await output("image", "inspect", "-f", "{{.Size}}", "hello"))).toBeLessThan(2_000_000);
  });

  test("a Python program whose dependency is built as a wheel in a stage before", async () => {
    await build("python", {
      "greeting/setup.py":
        'from setuptools import setup\nsetup(name="greeting", version="1.0", py_modules=["greeting"])\n',
      "greeting/greeting.py": "def greet(who): return f'hello {who}'\n",
      "requirements.txt": "greeting==1.0\n",
      "app.py": "import greeting\nprint(greeting.greet('wheel'))\n",
      Dockerfile: `
FROM debian:12 AS wheels
COPY greeting /greeting
RUN pip wheel --no-index --no-build-isolation --no-deps -w /wheels /greeting

FROM debian:12
WORKDIR /app
COPY requirements.txt .
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \\
    pip install --break-system-packages --no-index --find-links /wheels -r requirements.txt
COPY app.py .
CMD ["python3", "app.py"]
`,
    });
    expect(await run("python")).toBe("hello wheel");
    // Nor is the place there that it was mounted on.
    expect(await run("python", "sh", "-c", "[ -e /wheels ] || echo none")).toBe("none");
  });

  test("a Node program in two stages, as a user made by groupadd and useradd", async () => {
    await build("node", {
      "package.json": '{"name": "app", "version": "3.1.4", "type": "module"}\n',
      "src/index.js":
        'import { readFileSync } from "node:fs";\nconsole.log(JSON.parse(readFileSync("package.json", "utf8")).version, process.getuid());\n',
      Dockerfile: `
FROM debian:12 AS build
WORKDIR /app
COPY package.json ./
COPY src src
RUN node --check src/index.js && mkdir dist && cp -r src/* package.json dist

FROM debian:12
RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --create-home node
WORKDIR /home/node/app
COPY --from=build --chown=node:node /app/dist .
USER node
CMD ["node", "index.js"]
`,
    });
    expect(await run("node")).toBe("3.1.4 1000");
  });

  test("cron, with its volume", async () => {
    await build("cron", {
      crontab: "* * * * * root date > /data/last\n",
      Dockerfile:
        'FROM debian:12\nCOPY --chmod=644 crontab /etc/cron.d/job\nRUN mkdir /data && echo never > /data/last\nVOLUME ["/data"]\nCMD ["cron", "-f"]\n',
    });
    const id = await output("run", "-d", "--network", "none", "cron");
    try {
      expect(await output("exec", id, "cat", "/data/last")).toBe("never");
      expect(await output("exec", id, "sh", "-c", "cat /proc/1/comm /etc/cron.d/job")).toBe(
        "cron\n* * * * * root date > /data/last",
      );
    } finally {
      await output("rm", "-f", "-v", id);
    }
  });
});
