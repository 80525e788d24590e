/** What a Dockerfile comes to: only what the target needs, with nothing left to be expanded. */
import { describe, expect, test } from "vitest";
import { stepsOf } from "../../../../src/build/announce.ts";
import { readDockerfile } from "../../../../src/build/dockerfile/index.ts";
import { type CompileRequest, compile } from "../../../../src/build/graph/compile.ts";
import type { BaseImage, RunStep, Stage, Step } from "../../../../src/build/graph/types.ts";

const AMD64 = { os: "linux", architecture: "amd64" };

function image(reference: string, config: BaseImage["config"] = {}): BaseImage {
  return {
    reference,
    id: "sha256:0",
    platform: AMD64,
    config,
    author: "",
    history: [{ created_by: "base" }],
    snapshot: { id: reference, layers: [] },
  };
}

interface Options {
  target?: string;
  buildArgs?: Record<string, string>;
  images?: Record<string, BaseImage["config"]>;
  noCache?: CompileRequest["noCache"];
  loaded?: string[];
  allowed?: boolean;
  hasOwnUsers?: boolean;
}

function compiled(text: string, options: Options = {}): Promise<Stage> {
  let last = 0;
  const { target, buildArgs = {}, images = {}, noCache = false, loaded = [] } = options;
  const { allowed = false, hasOwnUsers = false } = options;
  return compile(readDockerfile(text), {
    target,
    platform: AMD64,
    showPlatform: false,
    buildArgs: new Map(Object.entries(buildArgs)),
    noCache,
    namedContext: (name) => (name === "extra" ? { kind: "context" } : undefined),
    async loadImage(reference) {
      loaded.push(reference);
      return image(reference, images[reference]);
    },
    allows: () => allowed,
    hasOwnUsers,
    announce: () => ++last,
  });
}

const names = (stage: Stage): string[] => stepsOf([stage]).map(({ name }) => name);
const run = ({ steps }: Stage, index = 0): RunStep => steps[index] as Step as RunStep;
const lines = ({ history }: Stage): string[] =>
  history.map((line) => (line.kind === "own" ? line.createdBy : (line.entry.created_by ?? "")));

test("names the steps of all stages that the target needs, and no others", async () => {
  const loaded: string[] = [];
  const stage = await compiled(
    `FROM go AS builder
WORKDIR /src
COPY . .
RUN make
FROM unneeded
RUN false
FROM alpine
COPY --from=builder /src/app /
RUN --mount=from=tools,target=/t /t/x
`,
    { loaded },
  );
  expect(loaded).toEqual(["go", "alpine", "tools"]);
  expect(names(stage)).toEqual([
    "[builder 1/4] FROM go",
    "[builder 2/4] WORKDIR /src",
    "[builder 3/4] COPY . .",
    "[builder 4/4] RUN make",
    "[stage-2 1/3] FROM alpine",
    "[stage-2 2/3] COPY --from=builder /src/app /",
    "[stage-2 3/3] RUN --mount=from=tools,target=/t /t/x",
  ]);
  expect(stepsOf([stage]).at(-2)?.inputs).toEqual([5, 4]);
});

describe("variables", () => {
  test("come from ENV and ARG in their order, and only those of ENV stay", async () => {
    const stage = await compiled(
      `ARG TAG=1
FROM base:$TAG
ARG TAG
ARG A=x B=\${A}y C
ENV D=$B A=env
RUN run
`,
      {
        buildArgs: { TAG: "2", C: "given", HTTP_PROXY: "proxy" },
        images: { "base:2": { Env: ["PATH=/bin", "A=base"] } },
      },
    );
    expect(run(stage).env).toEqual(["PATH=/bin", "A=env", "TAG=2", "B=xy", "C=given", "D=xy"]);
    expect(run(stage).proxies).toEqual(["HTTP_PROXY=proxy", "http_proxy=proxy"]);
    expect(stage.config.Env).toEqual(["PATH=/bin", "A=env", "D=xy"]);
    expect(lines(stage).at(-1)).toBe("RUN |4 TAG=2 A=env B=xy C=given /bin/sh -c run # buildkit");
  });

  test("of a stage are those of the stages that begin with it, and of no others", async () => {
    const text = `FROM base AS one
ARG A=1 B
ENV C=c A2=$A
FROM one AS two
RUN two $A
FROM base
RUN three $A
`;
    const two = await compiled(text, { target: "two", buildArgs: { B: "given" } });
    expect(run(two).env).toEqual(expect.arrayContaining(["A=1", "B=given", "C=c", "A2=1"]));
    expect(lines(two).at(-1)).toBe("RUN |2 A=1 B=given /bin/sh -c two $A # buildkit");
    expect(two.config.Env).not.toContain("A=1");
    expect(run(await compiled(text)).env.join()).not.toContain("A=1");
  });

  test("of the platform are there for who names them", async () => {
    const stage = await compiled(`FROM base\nARG TARGETARCH TARGETSTAGE\nRUN x\n`);
    expect(run(stage).env).toEqual(expect.arrayContaining(["TARGETARCH=amd64", "TARGETSTAGE=default"]));
    expect(run(stage).env.join()).not.toContain("TARGETOS");
  });
});

describe("a stage", () => {
  test("begins with what a former one ends with", async () => {
    const stage = await compiled(`FROM base AS one
ENV A=1
WORKDIR /w
USER bob
CMD ["a"]
FROM one
WORKDIR sub
ENTRYPOINT ["b"]
RUN x
`);
    expect(stage.config).toMatchObject({ WorkingDir: "/w/sub", User: "bob", Entrypoint: ["b"] });
    expect(stage.config.Cmd).toBeUndefined();
    expect(run(stage, 1)).toMatchObject({ cwd: "/w/sub", user: "bob", args: ["/bin/sh", "-c", "x"] });
  });

  test("does first what its base asks for", async () => {
    const stage = await compiled("FROM base\nRUN second\n", { images: { base: { OnBuild: ["RUN first"] } } });
    expect(names(stage)).toEqual(["[1/3] FROM base", "[2/3] ONBUILD RUN first", "[3/3] RUN second"]);
    expect(stage.config.OnBuild).toBeUndefined();
  });

  test("uses the shell that was set, and no shell for an exec form", async () => {
    const stage = await compiled(`FROM base\nSHELL ["/bin/bash", "-c"]\nRUN x\nRUN ["y", "z"]\n`);
    expect([run(stage).args, run(stage, 1).args]).toEqual([
      ["/bin/bash", "-c", "x"],
      ["y", "z"],
    ]);
  });

  test("may be left out of the cache by name", async () => {
    const stage = await compiled("FROM base AS one\nRUN x\nFROM one AS two\nRUN y\n", { noCache: ["one"] });
    expect(stage.steps[0]?.ignoresCache).toBe(false);
    expect(stage.base.kind === "stage" && stage.base.stage.steps[0]?.ignoresCache).toBe(true);
  });
});

test("a destination keeps the slash that asks for a directory", async () => {
  const stage = await compiled(
    "FROM base\nWORKDIR /w\nCOPY a b\nCOPY a b/\nCOPY a .\nCOPY --from=extra a ./\n",
  );
  const destinations = stage.steps.flatMap((step) => (step.kind === "files" ? step.destination : []));
  expect(destinations).toEqual(["/w/b", "/w/b/", "/w/", "/w/"]);
});

test("ADD tells repositories, files of servers, and paths", async () => {
  const words = [
    "git@host.example:x",
    "https://h.example/x.git?ref=a",
    "https://h.example/x",
    "github.com/a/b",
    "x.git",
  ];
  const stage = await compiled(`FROM base\nADD ${words.join(" ")} /d/\n`);
  const kinds = stage.steps.flatMap((step) =>
    step.kind === "files" ? step.sources.map(({ kind }) => kind) : [],
  );
  expect(kinds).toEqual(["git", "git", "url", "path", "path"]);
});

test("sockets of a RUN are numbered, but for those that have a place", async () => {
  const stage = await compiled(
    "FROM base\nRUN --mount=type=ssh --mount=type=tmpfs,target=/t --mount=type=ssh,target=/a --mount=type=ssh,id=b x\n",
  );
  expect(run(stage).mounts.map(({ target }) => target)).toEqual([
    "/run/buildkit/ssh_agent.0",
    "/t",
    "/a",
    "/run/buildkit/ssh_agent.2",
  ]);
});

test.each([
  ["FROM base\nCOPY a b /c\n", /must be a directory and end with a \//],
  ["FROM base\nCOPY --from=9 a b\n", /invalid stage index 9/],
  ["FROM base\nRUN --network=host x\n", /network.host is not allowed/],
  ["FROM base\nCOPY https://example.org/x /\n", /source can't be a URL for COPY/],
  ["FROM base\nCOPY git@host.example:x /\n", /source can't be a git ref for COPY/],
  ["FROM base\nADD --checksum=sha256:0 a /\n", /checksum requires HTTP\(S\) or Git sources/],
  ["FROM base\nADD --checksum=sha256:0 https://example.org/x /\n", /invalid checksum "sha256:0"/],
  ["FROM $NOTHING\n", /should not be blank/],
  ["FROM extra\n", /is no image/],
])("%j is refused", async (text, message) => {
  await expect(compiled(text)).rejects.toThrow(message);
});

test.each(["--security=insecure", "--network=host"])(
  "%s is for those alone who may have it",
  async (flag) => {
    const text = `FROM base\nRUN ${flag} x\n`;
    expect(run(await compiled(text, { allowed: true })).privileged).toBe(flag === "--security=insecure");
    await expect(compiled(text, { allowed: true, hasOwnUsers: true })).rejects.toMatchObject({
      message: expect.stringContaining(`RUN ${flag} is incompatible with user namespaces`),
      hint: expect.stringContaining("userns-remap"),
    });
  },
);

test("a target that is misspelt is told from those that are there", async () => {
  await expect(compiled("FROM base AS release\n", { target: "relase" })).rejects.toMatchObject({
    code: "ERR_TSRUN_BUILD_TARGET_NOT_FOUND",
    message: expect.stringContaining("release"),
  });
});
