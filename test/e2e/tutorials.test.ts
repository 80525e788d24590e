/**
 * Command lines as tutorials print them, `docker` being bin/tsrun. The forms below are always walked; where
 * ../shared/tutorials is there, so is every docker line of its pages.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { isRootless } from "../../src/kernel/rootless.ts";
import { REPOSITORY } from "../support/cli.ts";
import { openTmux, type Tmux } from "../support/tmux.ts";
import { useHost } from "./support/host.ts";
import { busyboxImage } from "./support/images.ts";
import { type Line, readLines } from "./support/tutorial-lines.ts";

const host = useHost({ pull: [] });
const { shell } = host;
const TUTORIALS = resolve(REPOSITORY, "..", "shared", "tutorials");

/** The images that tutorials use, each with what they expect of it. A real nginx ends at once when stopped; httpd has to be made to. */
const IMAGES: Record<string, object> = {
  nginx: {
    Entrypoint: ["/docker-entrypoint.sh"],
    Cmd: ["httpd", "-f", "-v", "-h", "/www"],
    ExposedPorts: { "80/tcp": {} },
    StopSignal: "SIGKILL",
  },
  redis: { Cmd: ["sh", "-c", "echo Ready to accept connections; exec sleep 1000"] },
  mysql: { Cmd: ["sleep", "1000"] },
  mongo: { Cmd: ["sleep", "1000"] },
  python: { Cmd: ["python"] },
  golang: { Cmd: ["sh"] },
  ubuntu: { Cmd: ["bash"] },
  "hello-world": { Cmd: ["echo", "Hello from Docker!"] },
  myip: { Entrypoint: ["echo", "ip:"], Cmd: [] },
  app: { Entrypoint: ["/docker-entrypoint.sh"], Cmd: ["sh"] },
};
/** Runs a command of the image, and says what else it was given. */
const ENTRYPOINT = `#!/bin/sh
echo "/docker-entrypoint.sh: Configuration complete; ready for start up"
command -v "$1" >/dev/null && exec "$@"
echo "$@"
`;
const FILES = [
  { path: "docker-entrypoint.sh", data: ENTRYPOINT, mode: 0o755 },
  { path: "bin/bash", data: '#!/bin/sh\nexec sh "$@"\n', mode: 0o755 },
  { path: "bin/python", data: '#!/bin/sh\n[ $# -gt 0 ] && exec cat "$@"\nPS1=">>> " exec sh\n', mode: 0o755 },
];

beforeAll(async () => {
  const { registry } = host;
  for (const [name, settings] of Object.entries(IMAGES)) {
    await registry().pushImage(`library/${name}`, ["latest"], busyboxImage(FILES, settings));
  }
  await registry().pushImage("library/python", ["3.8"], busyboxImage(FILES, IMAGES.python));
  await registry().pushImage("library/golang", ["alpine3.17"], busyboxImage(FILES, IMAGES.golang));
});

async function removeAll(): Promise<void> {
  const ids = host.containers();
  if (ids.length > 0) await host.output("rm", "-f", ...ids);
}

/** Output of a line that has to succeed. */
async function ok(line: string): Promise<string> {
  const { code, stdout, stderr } = await shell(line);
  if (code !== 0) throw new Error(`${line} ended with ${code}:\n${stdout}${stderr}`);
  return stdout.replace(/\n$/, "");
}

describe("the forms that tutorials use", () => {
  afterEach(removeAll);

  test("hello-world", async () => {
    const { code, stdout, stderr } = await shell("docker run hello-world");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "Hello from Docker!\n" });
    expect(stderr).toContain(
      "Unable to find image 'hello-world:latest' locally\nlatest: Pulling from library/hello-world",
    );
    expect(await ok("docker ps -a")).toMatch(/hello-world\s+"echo 'Hello from Doc…"|hello-world\s+"echo/);
  });

  test("images: pull, ls, inspect, rmi", async () => {
    expect(await ok("docker image pull redis")).toContain("Status: Downloaded newer image for redis:latest");
    await ok("docker pull python:3.8");
    await ok("docker pull nginx");
    expect(await ok("docker images")).toMatch(/^REPOSITORY\s+TAG\s+IMAGE ID\s+CREATED\s+SIZE\n/);
    expect(await ok("docker image ls nginx")).toMatch(/^REPOSITORY.*\nnginx\s+latest\s+[0-9a-f]{12} /);
    expect(await ok("docker images python")).toMatch(/\npython\s+3\.8 /);
    expect(JSON.parse(await ok("docker image inspect redis"))[0].RepoTags).toEqual(["redis:latest"]);
    expect(await ok("docker rmi redis")).toContain("Untagged: redis:latest");
    expect(await ok("docker image rm $(docker images -q python)")).toContain("Deleted: sha256:");
    expect(await ok("docker rmi -f $(docker images -q nginx)")).toContain("Untagged: nginx:latest");
  });

  test("a server in the background: run -d, ps, logs, exec, inspect, stop, rm", async () => {
    const id = await ok("docker container run -d --name webhost nginx 2>/dev/null");
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await ok("docker container ls")).toContain("webhost");
    expect(await ok("docker container ps")).toContain('"/docker-entrypoint.…"');
    await expect
      .poll(() => ok(`docker container logs ${id.slice(0, 3)}`))
      .toContain("/docker-entrypoint.sh: Configuration complete");
    const address = await ok("docker inspect --format '{{.NetworkSettings.IPAddress}}' webhost");
    expect(await ok(`docker exec webhost wget -qO- http://${address}/`)).toBe("it works");
    expect(await ok("docker exec webhost sh -c 'echo hello > /www/index.html; cat /www/index.html'")).toBe(
      "hello",
    );
    expect(JSON.parse(await ok("docker inspect webhost"))[0].NetworkSettings.Networks.bridge.IPAddress).toBe(
      address,
    );
    expect(await ok("docker container stop webhost")).toBe("webhost");
    expect(await ok("docker ps -a")).toMatch(/Exited \(\d+\)/);
    expect(await ok("docker container start webhost")).toBe("webhost");
    expect(await ok("docker container ls")).toContain("webhost");
    expect(await ok("docker stop webhost")).toBe("webhost");
    expect(await ok(`docker container rm ${id.slice(0, 12)}`)).toBe(id.slice(0, 12));
  });

  test("all containers at once: $(docker ps -aq)", async () => {
    for (const name of ["box1", "box2"]) {
      await ok(
        `docker run -d --name ${name} busybox:latest /bin/sh -c "while true; do sleep 3600; done" 2>/dev/null`,
      );
    }
    expect((await ok("docker ps -aq")).split("\n")).toHaveLength(2);
    expect((await ok("docker container stop -t 1 $(docker ps -aq)")).split("\n")).toHaveLength(2);
    expect(await ok("docker ps -q")).toBe("");
    expect((await ok("docker rm -f $(docker ps -aq)")).split("\n")).toHaveLength(2);
    await ok("docker run -d busybox sleep 1000");
    await ok("docker rm -f $(docker container ps -aq)");
    expect(await ok("docker ps -aq")).toBe("");
  });

  test("CMD and ENTRYPOINT: arguments replace the one and follow the other", async () => {
    expect(await ok("docker run myip 2>/dev/null")).toBe("ip:");
    expect(await ok("docker run myip -i")).toBe("ip: -i");
    const { code, stderr } = await shell("docker run busybox -i");
    expect(code).toBe(127);
    expect(stderr).toContain('exec: "-i": executable file not found in $PATH');
  });

  test("a directory of the host: -v $(pwd), -v ~/directory", async () => {
    mkdirSync(join(host.directory, "docker_test"));
    writeFileSync(join(host.directory, "docker_test", "hello.py"), "print('hello')\n");
    expect(
      await ok(
        "docker run -v ~/docker_test:/docker_test python:3.8 python /docker_test/hello.py 2>/dev/null",
      ),
    ).toBe("print('hello')");
    expect(await ok("cd docker_test && docker container run --rm -v $(pwd):/root busybox ls /root")).toBe(
      "hello.py",
    );
    expect(
      await ok(
        "docker container run -d -v $(pwd)/docker_test:/app --env REDIS_HOST=redis-server --name app redis 2>/dev/null",
      ),
    ).toMatch(/^[0-9a-f]{64}$/);
    expect(await ok("docker exec app sh -c 'echo $REDIS_HOST; ls /app'")).toBe("redis-server\nhello.py");
  });

  test("--network host and none", async () => {
    await ok("docker run -d --name nginx-web --network none nginx:latest 2>/dev/null");
    expect(await ok("docker exec nginx-web ls /sys/class/net")).toBe("lo");
    await ok("docker rm -f nginx-web; docker run -d --name nginx-web --network host nginx:latest");
    await expect.poll(() => ok("wget -qO- http://127.0.0.1/ || true")).toBe("it works");
  });

  test("-itd keeps a shell waiting that exec and kill can find", async () => {
    const id = await ok("docker run -itd ubuntu /bin/bash 2>/dev/null");
    expect(await ok("docker ps")).toContain("Up ");
    expect(await ok(`docker exec ${id.slice(0, 22)} cat /proc/1/comm`)).toMatch(/^(ba)?sh$/);
    expect(await ok(`docker kill ${id}`)).toBe(id);
  });

  describe("in a terminal", () => {
    let terminal: Tmux;
    beforeAll(async () => {
      terminal = await openTmux({ directory: host.directory, env: host.env, columns: 120 });
    });
    afterAll(() => terminal?.close());

    test.each([
      ["docker run -it --rm ubuntu bash", /\/ #\s*$/],
      ["docker run -it python:3.8", />>>\s*$/],
      ["docker container run -it -v $(pwd):/root golang:alpine3.17", /\/ #\s*$/],
      ["docker exec -it webserver bash", /\/ #\s*$/],
      ["docker container exec -it webserver sh", /\/ #\s*$/],
    ])("%s", async (line, prompt) => {
      await ok("docker run -d --name webserver nginx 2>/dev/null");
      await terminal.line("clear");
      await terminal.line(line);
      await terminal.until(prompt);
      await terminal.line("exit");
      await terminal.until(/host\$$/);
    });
  });
});

describe("what belongs to later stages is refused clearly", () => {
  afterEach(removeAll);

  test.each(["docker compose up"])("%s", async (line) => {
    const result = await shell(line);
    expectClearRefusal(result);
    expect(result.code).toBe(1);
    expect(host.containers()).toEqual([]);
  });
});

function expectClearRefusal({ stdout, stderr }: { stdout: string; stderr: string }): void {
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^tsrun: .*(not supported|unknown command)/);
  expect(stderr).not.toMatch(/^\s+at |internal error/m);
}

const lines = existsSync(TUTORIALS)
  ? readLines(readdirSync(TUTORIALS).map((name) => readFileSync(join(TUTORIALS, name), "utf8")))
  : [];
if (lines.length > 0) describe("the pages of ../shared/tutorials", walkPages);
else process.stderr.write("e2e: no ../shared/tutorials: only the forms kept in the test are walked\n");

/** What stands still while it is committed has a cgroup of its own, which nobody has given to an ordinary user. */
const asUser = (text: string): string =>
  isRootless() ? text.replace(/^docker (container )?commit /, "$&--pause=false ") : text;

function walkPages(): void {
  afterEach(removeAll);
  afterAll(async () => {
    await host.output("network", "prune", "-f");
    await host.output("volume", "prune", "-af");
  });

  test.each(lines.map((line): [string, Line] => [line.text, line]))("%s", async (_text, line) => {
    // A container to talk about, with the name that stands in for the page's.
    if (line.needsContainer) await host.output("run", "-dit", "--name", "walked", "-q", "nginx");
    const text = asUser(line.on("walked", host.directory));
    const running = host.startShell(`script -qec "$LINE" /dev/null`, {
      silentInput: true,
      env: { LINE: text },
    });
    let over = false;
    void running.result.then(() => {
      over = true;
    });
    const isUp = async (): Promise<boolean> =>
      over ||
      (line.kind === "run" && (await host.output("ps", "-q")) !== "") ||
      (line.kind === "interactive" && running.output().length > 0);
    await expect.poll(isUp, { timeout: 20_000 }).toBe(true);
    if (!over) await removeAll();
    const { code, stdout } = await running.result;
    expect(stdout).not.toMatch(/^\s+at |internal error/m);
    if (line.kind === "outside") expect(stdout).toMatch(/^tsrun: /m);
    else if (line.kind === "later") expect(stdout).toMatch(/^tsrun: .*(not supported|unknown command)/m);
    else if (line.kind === "plain") expect({ code, stdout }).toMatchObject({ code: 0 });
    else expect(stdout).not.toMatch(/^tsrun: (?!killed)/m);
  });
}
