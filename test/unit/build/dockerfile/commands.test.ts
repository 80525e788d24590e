import { describe, expect, test } from "vitest";
import { readDockerfile, readTrigger } from "../../../../src/build/dockerfile/dockerfile.ts";
import { DockerfileError } from "../../../../src/build/dockerfile/error.ts";
import { expandCommand } from "../../../../src/build/dockerfile/expand/command.ts";
import { shellScript } from "../../../../src/build/dockerfile/heredoc.ts";
import type { Command } from "../../../../src/build/dockerfile/types.ts";

const command = (line: string): Command =>
  readDockerfile(`FROM x\n${line}`).stages[0]?.commands[0] as Command;

function refusal(text: string, name?: string): DockerfileError {
  try {
    const { stages } = readDockerfile(text, name);
    for (const stage of stages) for (const each of stage.commands) expandCommand(each, () => undefined);
  } catch (error) {
    if (error instanceof DockerfileError) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

describe("stages", () => {
  test("begin with FROM; ARG may stand before", () => {
    const text =
      "ARG v=1\nFROM --platform=$BUILDPLATFORM x:$v AS Build\nRUN a\nfrom scratch\nCOPY --from=build /a /";
    const { globals, stages } = readDockerfile(text);
    expect(globals).toMatchObject([{ pairs: [{ key: "v", value: "1" }] }]);
    expect(stages).toMatchObject([
      { index: 0, name: "build", base: "x:$v", platform: "$BUILDPLATFORM", commands: [{ keyword: "RUN" }] },
      { index: 1, base: "scratch", commands: [{ keyword: "COPY", from: "build" }] },
    ]);
    expect(stages[1]).not.toHaveProperty("name");
  });

  test.each([
    ["RUN a\nFROM x", "1:1: no build stage in current context"],
    ["ARG a", "1:1: dockerfile contains no stages to build"],
    ["FROM x y", "1:1: FROM requires either one or three arguments"],
    ["FROM x AS 1a", '1:11: invalid name for build stage: "1a"'],
    ["FROM x\nRUM y", "2:1: unknown instruction: RUM (did you mean RUN?)"],
    ["FROM x\nRUm y", "2:1: unknown instruction: RUm (did you mean run?)"],
    ["FROM x\n  entrypiont y", "2:3: unknown instruction: entrypiont (did you mean entrypoint?)"],
    ["FROM x\nCOPY --form=y a b", "2:6: unknown flag: --form (did you mean from?)"],
    ["FROM x\nCOPY --link --link a b", "2:6: duplicate flag specified: --link"],
    ["FROM x\nCOPY --link=maybe a b", "2:6: expecting boolean value for flag --link, not: maybe"],
    ["FROM x\nCOPY --chown a b", "2:6: missing a value on flag: --chown"],
    ["FROM x\nCOPY --from=$y a b", "2:6: variable expansion is not supported for --from"],
    ["FROM x\nCOPY a", "2:1: COPY requires at least two arguments"],
    ["FROM x\nCOPY a <<b\nb", "2:8: COPY cannot accept a heredoc as a destination"],
    ["FROM x\nUSER --x y", "2:6: unknown flag: --x"],
    ["FROM x\nENV =y", "2:1: ENV names can not be blank"],
    ["FROM x\nSHELL sh", "2:1: SHELL requires the arguments to be in JSON form"],
    ["FROM x\nONBUILD ONBUILD RUN y", "2:1: Chaining ONBUILD"],
    ["FROM x\nRUN --network=hots y", '2:5: invalid network mode "hots" (did you mean host?)'],
    ["FROM x\nRUN \\\n --mount=from=$y z", "3:2: 'from' doesn't support variable expansion"],
    [
      "FROM x\nRUN --mount=type=chache,target=/x y",
      '2:1: unsupported mount type "chache" (did you mean cache?)',
    ],
    ["FROM x\nRUN --mount=type=secret y", "2:1: invalid secret mount"],
    ["FROM x\nRUN --mount=target=/x,uid=0 y", '2:1: uid not allowed for "bind" type mounts'],
    [
      "FROM x\nRUN --mount=type=cache,traget=/x y",
      "2:1: unexpected key 'traget' in 'traget=/x' (did you mean target?)",
    ],
    [
      "# syntax=example.com/other:1\nFROM x",
      "1:10: the syntax example.com/other:1 is not that of Dockerfiles",
    ],
  ])("%j: %s", (text, problem) => {
    expect(refusal(text).message).toContain(`Dockerfile:${problem}`);
  });

  test("errors speak of the file by its name", () => {
    expect(refusal("FROM x\nRUM y", "images/web.Dockerfile").message).toMatch(
      /^images\/web.Dockerfile:2:1: /,
    );
  });

  test("the official frontends are no other language", () => {
    for (const syntax of [
      "docker/dockerfile:1",
      "docker/dockerfile-upstream:master",
      "r.io/m/dockerfile:1-labs",
    ]) {
      expect(readDockerfile(`# syntax=${syntax}\nFROM x`).stages).toHaveLength(1);
    }
  });
});

describe("RUN", () => {
  const run = (line: string) => {
    const read = command(line);
    if (read.keyword !== "RUN") throw new Error(line);
    return read;
  };

  test("knows its mounts' stages before variables have values", () => {
    const { mounts, mountFlags } = run("RUN --mount=from=base,target=$x --mount=type=ssh true");
    expect(mounts).toMatchObject([{ type: "bind", from: "base", readOnly: true }, { type: "ssh" }]);
    expect(mountFlags).toEqual(["from=base,target=$x", "type=ssh"]);
  });

  test("mounts by type", () => {
    const { command } = expandCommand(
      run(
        "RUN --mount=target=/a,rw --mount=type=tmpfs,dst=/t,size=64m --mount=type=secret,target=/etc/x,mode=0400,env=X " +
          '"--mount=type=cache,id=c,sharing=locked,target=/c" --mount=\'"type=bind","target=/a,b"\' true',
      ),
      () => undefined,
    );
    expect(command.mounts).toEqual([
      { type: "bind", target: "/a", readOnly: false },
      { type: "tmpfs", target: "/t", size: 64 * 1024 ** 2, readOnly: false },
      { type: "secret", target: "/etc/x", id: "x", mode: 0o400, env: "X", readOnly: true },
    ]);
  });

  test("what its shell gets of heredocs", () => {
    const script = (line: string) => {
      const { command } = run(line);
      return command.form === "shell" ? shellScript(command) : undefined;
    };
    expect(script("RUN ls")).toEqual({ text: "ls" });
    expect(script("RUN <<-x\n\tls\nx")).toEqual({ text: "ls\n" });
    expect(script("RUN <<x\n#!/usr/bin/env python3\nx")).toEqual({
      file: "x",
      content: "#!/usr/bin/env python3\n",
    });
    expect(script("RUN cat <<-x | sort\n\tls\n\tx")).toEqual({ text: "cat <<-x | sort\n\tls\nx" });
  });
});

test("HEALTHCHECK: nanoseconds, and nothing of what was not given", () => {
  expect(command("HEALTHCHECK --interval=1m30s --timeout=0.5s --retries=3 CMD a b")).toMatchObject({
    check: { test: ["CMD-SHELL", "a b"], interval: 90e9, timeout: 5e8, retries: 3 },
  });
  expect(command('HEALTHCHECK CMD ["a"]')).toMatchObject({ check: { test: ["CMD", "a"] } });
  expect(command("HEALTHCHECK none")).toMatchObject({ check: { test: ["NONE"] } });
  for (const wrong of [
    "--interval=5 CMD a",
    "--interval=1us CMD a",
    "--retries=-1 CMD a",
    "NONE a",
    "RUN a",
    "CMD",
  ]) {
    expect(() => command(`HEALTHCHECK ${wrong}`)).toThrow(DockerfileError);
  }
});

test("the instructions with one text or list", () => {
  expect(command("MAINTAINER a b")).toMatchObject({ name: "a b" });
  expect(command("WORKDIR /a b")).toMatchObject({ path: "/a b" });
  expect(command("VOLUME /a /b")).toMatchObject({ paths: ["/a", "/b"] });
  expect(command('VOLUME ["/a b"]')).toMatchObject({ paths: ["/a b"] });
  expect(command("EXPOSE 90 80")).toMatchObject({ ports: ["80", "90"] });
  expect(command("STOPSIGNAL SIGINT")).toMatchObject({ signal: "SIGINT" });
  expect(command('SHELL ["a", "-c"]')).toMatchObject({ words: ["a", "-c"] });
  expect(command("ARG a b=c d=")).toMatchObject({
    pairs: [
      { key: "a", value: undefined },
      { key: "b", value: "c" },
      { key: "d", value: "" },
    ],
  });
});

describe("ONBUILD", () => {
  test("keeps its instruction as a text that can be read again", () => {
    const read = command("ONBUILD  COPY <<-x /y\n\ta\nx");
    expect(read).toMatchObject({ trigger: "COPY <<-x /y\n\ta\nx" });
    const range = { start: { line: 7, column: 1 }, end: { line: 7, column: 9 } };
    const trigger = readTrigger((read as { trigger: string }).trigger, range);
    expect(trigger).toMatchObject({ keyword: "COPY", range, sources: { heredocs: [{ content: "a\n" }] } });
  });

  test("a wrong one is told at FROM", () => {
    const range = { start: { line: 7, column: 1 }, end: { line: 7, column: 9 } };
    expect(() => readTrigger("RUM x", range)).toThrow(
      "Dockerfile:7:1: ONBUILD RUM x: unknown instruction: RUM",
    );
    expect(() => readTrigger("RUN x\nRUN y", range)).toThrow("a single expression");
  });
});
