/** Builds through the library: what comes out, what the cache takes for the same, and what is left behind. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { listBuildCache, pruneBuildCache } from "../../src/build/prune.ts";
import { loadConfig } from "../../src/config.ts";
import { type BuildEvent, type BuildOptions, type BuildResult, build, Engine } from "../../src/index.ts";
import { IMAGE, textOf, useEngine } from "../support/engine.ts";

const host = useEngine();
const { engine, paths, directory } = host;

/** A context with these files. */
function contextOf(files: Record<string, string>): string {
  const context = mkdtempSync(join(directory, "context-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(context, path, ".."), { recursive: true });
    writeFileSync(join(context, path), text);
  }
  return context;
}

interface Built extends BuildResult {
  /** The names of the steps that were executed, without their places. */
  executed: string[];
  cached: string[];
  output: string;
}

async function built(context: string, options: Partial<BuildOptions> = {}): Promise<Built> {
  const names = new Map<number, string>();
  const started = new Set<number>();
  const cached = new Set<number>();
  let output = "";
  const onEvent = (event: BuildEvent): void => {
    if (event.type === "step") names.set(event.step, event.name.replace(/^\[.*?\] /, ""));
    else if (event.type === "started") started.add(event.step);
    else if (event.type === "cached") cached.add(event.step);
    else if (event.type === "output") output += event.data.toString();
  };
  const result = await build(engine, {
    context: { kind: "directory", path: context },
    network: "none",
    onEvent,
    ...options,
  });
  const own = (steps: Iterable<number>): string[] =>
    [...steps]
      .sort((a, b) => a - b)
      .map((step) => names.get(step) ?? "")
      .filter((name) => /^(?:RUN|COPY|ADD|WORKDIR)/.test(name));
  return {
    ...result,
    executed: own([...started].filter((step) => !cached.has(step))),
    cached: own(cached),
    output,
  };
}

/** What a container of the image prints. */
async function printed(image: BuildResult, script: string): Promise<string> {
  const process = await engine.run({
    image: image.imageId ?? "",
    network: "none",
    autoRemove: true,
    entrypoint: [],
    command: ["sh", "-c", script],
  });
  const [out, errors] = await Promise.all([textOf(process.stdout), textOf(process.stderr), process.exited]);
  return out + errors;
}

/** The store has nothing wrong in it, and no build has left anything at work. */
async function expectClean(): Promise<void> {
  const { findings, ...report } = await engine.system.check();
  expect({ findings, leftovers: (report.leftovers ?? []).length }).toEqual({ findings: [], leftovers: 0 });
  for (const folder of ["tmp", "containers"]) {
    const path = join(paths.root, folder);
    expect(existsSync(path) ? readdirSync(path) : []).toEqual([]);
  }
}

afterEach(expectClean);

describe("an image", () => {
  test("has what its instructions say, and their history", async () => {
    const context = contextOf({
      "src/hello.txt": "hello\n",
      Dockerfile: `FROM ${IMAGE}
ARG VERSION=1
ENV GREETING="hi there"
WORKDIR /app
COPY src/ ./
RUN echo "$GREETING $VERSION" >> hello.txt && rm /etc/shells
LABEL a=b
EXPOSE 80
USER 1000
ENTRYPOINT ["cat"]
CMD ["hello.txt"]
`,
    });
    const image = await built(context, { tags: ["one"], labels: { c: "d" }, buildArgs: { VERSION: "2" } });
    const { config, layers } = await engine.images.inspect("one");
    expect(config).toMatchObject({
      User: "1000",
      WorkingDir: "/app",
      Labels: { a: "b", c: "d" },
      ExposedPorts: { "80/tcp": {} },
      Entrypoint: ["cat"],
      Cmd: ["hello.txt"],
    });
    expect(config.Env).toContain("GREETING=hi there");
    expect(config.Env?.join()).not.toContain("VERSION");
    expect(layers).toHaveLength(4);
    expect(await printed(image, "cat hello.txt; id -u; ls /etc/shells")).toBe(
      "hello\nhi there 2\n1000\nls: /etc/shells: No such file or directory\n",
    );
    const history = (await engine.images.history("one")).map(({ createdBy }) => createdBy);
    expect(history.slice(0, 10)).toEqual([
      'CMD ["hello.txt"]',
      'ENTRYPOINT ["cat"]',
      "USER 1000",
      "EXPOSE [80/tcp]",
      "LABEL a=b",
      'RUN |1 VERSION=2 /bin/sh -c echo "$GREETING $VERSION" >> hello.txt && rm /etc/shells # buildkit',
      "COPY src/ ./ # buildkit",
      "WORKDIR /app",
      "ENV GREETING=hi there",
      "ARG VERSION=2",
    ]);
  });

  test("of stages holds what the last one took, and nothing is built that nobody needs", async () => {
    const context = contextOf({
      Dockerfile: `FROM ${IMAGE} AS unneeded
RUN false
FROM ${IMAGE} AS builder
RUN mkdir /out && echo made > /out/file && chown 7:8 /out/file
FROM scratch
COPY --from=builder /out/ /
COPY --from=${IMAGE} /bin/busybox /busybox
CMD ["/busybox", "cat", "/file"]
`,
    });
    const image = await built(context);
    expect(image.executed).toHaveLength(3);
    const process = await engine.run({
      image: image.imageId ?? "",
      network: "none",
      autoRemove: true,
      command: ["/busybox", "ls", "-ln", "/file"],
    });
    const [out] = await Promise.all([textOf(process.stdout), process.exited]);
    expect(out).toMatch(/ 7 +8 .* \/file/);
  });
});

test("files of a context are root's in the image, whoever has them here, and zeros are no archive", async () => {
  const context = contextOf({
    "dir/file": "x",
    zeros: "\0".repeat(2048),
    Dockerfile: `FROM ${IMAGE}
COPY dir /dir
COPY dir/file zeros /
COPY --chown=7:8 dir/file /given
ADD zeros /added/
ADD archive.tar /kept/
ADD --chown=7 archive.tar /given-away/
WORKDIR /
`,
  });
  execFileSync("/bin/sh", [
    "-euc",
    `cd "$1"; echo s > setuid; chmod 4755 setuid; tar --owner=5 --group=6 -cf archive.tar setuid
     chown -R 1234:1234 dir zeros`,
    "sh",
    context,
  ]);
  const files = "/dir/file /file /zeros /given /added/zeros /kept/setuid /given-away/setuid";
  expect(await printed(await built(context), `stat -c '%u:%g %a %s' ${files}`)).toBe(
    "0:0 644 1\n0:0 644 1\n0:0 644 2048\n7:8 644 1\n0:0 644 2048\n5:6 4755 2\n7:7 4755 2\n",
  );
});

test("along links that lead nowhere yet, COPY and WORKDIR make what they lead to", async () => {
  const context = contextOf({
    file: "copied\n",
    Dockerfile: `FROM ${IMAGE}
RUN ln -s not/yet /to-file && ln -s /nowhere /to-directory
COPY file /to-file
COPY file /to-directory/below/file
USER 77
WORKDIR /to-directory/work
`,
  });
  expect(
    await printed(
      await built(context),
      "cat /not/yet /nowhere/below/file; pwd -P; stat -c %u:%g /nowhere/work",
    ),
  ).toBe("copied\ncopied\n/nowhere/work\n77:77\n");
  writeFileSync(join(context, "Dockerfile"), `FROM ${IMAGE}\nRUN ln -s loop /loop\nCOPY file /loop\n`);
  await expect(built(context)).rejects.toThrow(/symbolic links/);
});

describe("the cache", () => {
  const dockerfile = `FROM ${IMAGE}
ARG UNUSED
COPY a /a
RUN cat /a > /b
COPY c /c
RUN cat /c >> /b
`;

  test("takes everything the second time, and leads to the same image", async () => {
    const context = contextOf({ a: "a1", c: "c1", Dockerfile: dockerfile });
    const first = await built(context);
    for (const file of ["a", "c"]) utimesSync(join(context, file), 1, 1);
    const second = await built(context);
    expect([first.executed.length, second.executed, second.imageId]).toEqual([4, [], first.imageId]);
  });

  test("is left from the first change on, and from an argument's for what comes after it", async () => {
    const context = contextOf({ a: "a2", c: "c2", Dockerfile: dockerfile });
    await built(context);
    writeFileSync(join(context, "c"), "changed");
    const image = await built(context);
    expect(image.executed).toEqual(["COPY c /c", "RUN cat /c >> /b"]);
    expect(await printed(image, "cat /b")).toBe("a2changed");
    expect((await built(context, { buildArgs: { UNUSED: "x" } })).executed).toEqual([
      "RUN cat /a > /b",
      "COPY c /c",
      "RUN cat /c >> /b",
    ]);
    expect((await built(context, { noCache: true })).cached).toEqual([]);
  });

  test("is left for a file that is another, though its size and time are what they were", async () => {
    const context = contextOf({ a: "one", Dockerfile: `FROM ${IMAGE}\nCOPY a /a\n` });
    await sleep(2100); // until the file is old enough to be remembered
    const one = await built(context);
    expect((await built(context)).imageId).toBe(one.imageId);
    const { atime, mtime } = statSync(join(context, "a"));
    writeFileSync(join(context, "a"), "two");
    utimesSync(join(context, "a"), atime, mtime);
    const two = await built(context);
    expect(two.executed).toEqual(["COPY a /a"]);
    expect(await printed(two, "cat /a")).toBe("two");
  });

  test("holds its layers until it is pruned", async () => {
    const context = contextOf({ a: "a3", Dockerfile: `FROM ${IMAGE}\nCOPY a /a\nRUN echo $(cat /a) > /b\n` });
    const image = await built(context);
    await engine.images.remove(image.imageId ?? "");
    expect((await built(context)).executed).toEqual([]);
    await engine.images.remove(image.imageId ?? "");
    expect(listBuildCache(engine).length).toBeGreaterThan(0);
    const { removed } = await pruneBuildCache(engine, { all: true });
    expect(removed.length).toBeGreaterThan(0);
    expect(listBuildCache(engine)).toEqual([]);
    expect((await built(context)).executed).toHaveLength(2);
  });

  test("knows only files that are there and .dockerignore leaves in", async () => {
    const context = contextOf({
      ".dockerignore": "*.log\n!keep.log\n",
      "x.log": "1",
      "keep.log": "2",
      Dockerfile: `FROM ${IMAGE}\nCOPY *.log /logs/\nRUN ls /logs\n`,
    });
    expect((await built(context)).output).toContain("keep.log\n");
    writeFileSync(join(context, "x.log"), "changed");
    expect((await built(context)).executed).toEqual([]);
    symlinkSync("/etc/passwd", join(context, "link"));
    writeFileSync(join(context, "Dockerfile"), `FROM ${IMAGE}\nCOPY link /there\n`);
    await expect(built(context)).rejects.toThrow('"/link": not found');
  });
});

test("a cache goes to another machine as a directory, and with an image", async () => {
  const context = contextOf({
    a: "far",
    Dockerfile: `FROM ${IMAGE} AS one\nCOPY a /a\nRUN cat /a > /b\nFROM scratch\nCOPY --from=one /b /\n`,
  });
  const dest = join(directory, "cache");
  const first = await built(context, {
    cacheTo: [
      { type: "local", attributes: { dest, mode: "max" } },
      { type: "inline", attributes: {} },
    ],
  });
  await engine.images.remove(first.imageId ?? "");
  await pruneBuildCache(engine, { all: true });
  const second = await built(context, { cacheFrom: [{ type: "local", attributes: { src: dest } }] });
  expect(second.executed).toEqual([]);
  expect(await engine.images.history(second.imageId ?? "")).toHaveLength(1);
  await pruneBuildCache(engine, { all: true });
  const missing = { type: "local", attributes: { src: join(directory, "nowhere") } } as const;
  expect((await built(context, { noCache: ["one"], cacheFrom: [missing] })).executed).toHaveLength(3);
});

test("caches of one directory have tags, and what is damaged of one is done without", async () => {
  const context = contextOf({ a: "tagged", Dockerfile: `FROM ${IMAGE}\nCOPY a /a\nRUN cat /a > /b\n` });
  const dest = join(directory, "tagged");
  const to = (tag: string) => ({ type: "local", attributes: { dest, tag, mode: "max" } }) as const;
  const from = (tag: string) => ({ cacheFrom: [{ type: "local", attributes: { src: dest, tag } }] }) as const;
  const forget = async (image: BuildResult): Promise<void> => {
    await engine.images.remove(image.imageId ?? "");
    await pruneBuildCache(engine, { all: true });
  };
  await forget(await built(context, { cacheTo: [to("one")] }));
  const other = contextOf({ Dockerfile: `FROM ${IMAGE}\nRUN echo other > /other\n` });
  await forget(await built(other, { cacheTo: [to("two")] }));
  for (const [tag, executed] of [
    ["one", 0],
    ["two", 2],
    ["three", 2],
  ] as const) {
    const image = await built(context, from(tag));
    expect({ tag, executed: image.executed.length }).toEqual({ tag, executed });
    await forget(image);
  }
  const blobs = join(dest, "blobs/sha256");
  for (const name of readdirSync(blobs)) {
    const content = readFileSync(join(blobs, name));
    if (content[0] === 0x1f) writeFileSync(join(blobs, name), content.subarray(0, content.length / 2));
  }
  const image = await built(context, from("one"));
  expect(image.executed).toHaveLength(2);
  expect(image.output).toContain("COPY a /a is not taken from it");
  expect(await printed(image, "cat /b")).toBe("tagged");
});

describe("a step", () => {
  test("that fails says so, at its line", async () => {
    const context = contextOf({ Dockerfile: `FROM ${IMAGE}\nRUN echo one\nRUN exit 3\n` });
    await expect(built(context)).rejects.toMatchObject({
      code: "ERR_TSRUN_BUILD_FAILED",
      message: expect.stringContaining(
        'process "/bin/sh -c exit 3" did not complete successfully: exit code: 3',
      ),
      range: { start: { line: 3 } },
    });
  });

  test("that fails can be looked at where it was", async () => {
    const context = contextOf({
      Dockerfile: `FROM ${IMAGE}\nWORKDIR /w\nENV A=b\nRUN --mount=type=tmpfs,target=/t echo left > it; exit 4\n`,
    });
    let seen = "";
    const onFailure: BuildOptions["onFailure"] = async (failed) => {
      const command = ["sh", "-c", "cat it; echo $A; grep -c ' /t ' /proc/mounts"];
      const process = await failed.start(command, { tty: false, stdin: false });
      [seen] = await Promise.all([textOf(process.stdout), textOf(process.stderr), process.exited]);
    };
    await expect(built(context, { onFailure })).rejects.toThrow("exit code: 4");
    expect(seen).toBe("left\nb\n1\n");
  });

  test("sees its secret, of which nothing stays", async () => {
    const secret = "correct horse battery";
    writeFileSync(join(directory, "token"), secret);
    const context = contextOf({
      Dockerfile: `FROM ${IMAGE}
RUN --mount=type=secret,id=token,required=true wc -c < /run/secrets/token
RUN --mount=type=secret,id=token,env=TOKEN test -n "$TOKEN" && echo yes > /yes
`,
    });
    const image = await built(context, {
      secrets: [{ id: "token", from: { file: join(directory, "token") } }],
    });
    expect(image.output).toContain("21\n");
    expect(await printed(image, "ls /run; cat /yes")).toBe("yes\n");
    const files = readdirSync(paths.root, { recursive: true, withFileTypes: true });
    const holding = files.filter(
      (file) => file.isFile() && readFileSync(join(file.parentPath, file.name)).includes(secret),
    );
    expect(holding).toEqual([]);
  });

  test("keeps a cache from one build to the next", async () => {
    const file = (n: number): string =>
      `FROM ${IMAGE}\nRUN --mount=type=cache,target=/cache echo ${n} >> /cache/log; cat /cache/log\n`;
    const context = contextOf({ Dockerfile: file(1) });
    await built(context);
    writeFileSync(join(context, "Dockerfile"), file(2));
    const image = await built(context);
    expect(image.output).toContain("1\n2\n");
    expect(await printed(image, "ls -d /cache")).toContain("No such file");
  });

  test("ends with its build", async () => {
    const context = contextOf({ Dockerfile: `FROM ${IMAGE}\nRUN echo started; sleep 1000\n` });
    const controller = new AbortController();
    const running = built(context, {
      signal: controller.signal,
      onEvent: (event) => {
        if (event.type === "output") controller.abort(new Error("enough"));
      },
    });
    await expect(running).rejects.toThrow("enough");
  });
});

test("stages that need nothing of each other are built at once", async () => {
  const stage = (name: string, other: string): string => `FROM ${IMAGE} AS ${name}
RUN --mount=type=cache,target=/meet touch /meet/${name}; for i in $(seq 300); do test -e /meet/${other} && echo met > /${name} && exit; sleep 0.1; done; exit 1
`;
  const context = contextOf({
    Dockerfile: `${stage("left", "right")}${stage("right", "left")}FROM ${IMAGE}\nCOPY --from=left /left /\nCOPY --from=right /right /\n`,
  });
  expect(await printed(await built(context), "cat /left /right")).toBe("met\nmet\n");
});

test("the same input gives the same image where its time is given", async () => {
  const context = contextOf({
    a: "x",
    Dockerfile: `FROM ${IMAGE}\nCOPY a /a\nRUN date > /dev/null; mkdir /d; echo y > /d/e\n`,
  });
  const first = await built(context, { sourceDateEpoch: 1_000_000_000 });
  utimesSync(join(context, "a"), 1_900_000_000, 1_900_000_000);
  const second = await built(context, { sourceDateEpoch: 1_000_000_000, noCache: true });
  expect([second.executed.length, second.digest]).toEqual([2, first.digest]);
});

test("squashed, an image has one layer of all that its Dockerfile adds", async () => {
  const context = contextOf({
    "d/a": "1",
    "d/b": "2",
    Dockerfile: `FROM ${IMAGE}
COPY d /d
RUN rm /d/a /etc/shells && echo 3 > /d/c && mkdir /e && touch /e/x && rm -r /opt
RUN rm -r /e && mkdir /e /opt && touch /e/y
`,
  });
  const image = await built(context, { squash: true });
  const { layers } = await engine.images.inspect(image.imageId ?? "");
  const { layers: below } = await engine.images.inspect(IMAGE);
  expect(layers).toHaveLength(below.length + 1);
  expect(await printed(image, "ls /d /e /opt; test -e /etc/shells || echo gone")).toBe(
    "/d:\nb\nc\n\n/e:\ny\n\n/opt:\ngone\n",
  );
});

test("two builds of one context at the same time end alike", async () => {
  const context = contextOf({ a: "both", Dockerfile: `FROM ${IMAGE}\nCOPY a /a\nRUN cat /a > /b\n` });
  const images = await Promise.all([built(context), built(context)]);
  for (const image of images) expect(await printed(image, "cat /b")).toBe("both");
  expect((await built(context)).executed).toEqual([]);
});

test("a store that has no image yet gets its first", async () => {
  const fresh = { root: join(directory, "fresh"), run: join(directory, "fresh-run") };
  const first = new Engine({ paths: fresh, config: loadConfig({}) });
  const context = contextOf({ a: "1", b: "2", Dockerfile: "FROM scratch\nCOPY a /\nCOPY b /\n" });
  const { imageId } = await build(first, { context: { kind: "directory", path: context } });
  expect((await first.images.inspect(imageId ?? "")).layers).toHaveLength(2);
});

test("a full disk is named and leaves nothing", async () => {
  const root = join(directory, "small");
  mkdirSync(root);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=12m", "tmpfs", root]);
  try {
    const small = new Engine({ paths: { root, run: join(directory, "small-run") }, config: loadConfig({}) });
    await small.images.pull(IMAGE);
    const context = contextOf({ Dockerfile: `FROM ${IMAGE}\nRUN head -c 20000000 /dev/zero > /zeros\n` });
    const request = { context: { kind: "directory", path: context }, network: "none" } as const;
    const full = { range: { start: { line: 2 } }, hint: expect.stringContaining("no space left") };
    await expect(build(small, request)).rejects.toMatchObject({
      ...full,
      message: expect.stringContaining("exit code: 1"),
    });
    writeFileSync(join(context, "data"), randomBytes(20_000_000));
    writeFileSync(join(context, "Dockerfile"), `FROM ${IMAGE}\nCOPY data /\n`);
    const refusal = { ...full, message: expect.stringContaining("no space left") };
    await expect(build(small, request)).rejects.toMatchObject(refusal);
    // It fits, but not a second time, compressed.
    writeFileSync(join(context, "data"), randomBytes(6_000_000));
    await expect(build(small, request)).rejects.toMatchObject(refusal);
    expect(readdirSync(join(root, "tmp"))).toEqual([]);
    writeFileSync(join(context, "data"), "small");
    await build(small, request);
    const { findings, leftovers } = await small.system.check();
    expect({ findings, leftovers }).toEqual({ findings: [], leftovers: [] });
  } finally {
    execFileSync("umount", [root]);
  }
});
