import { describe, expect, it, vi } from "vitest";
import type { BuildEvent } from "../../../../src/build/types.ts";
import { plainDisplay } from "../../../../src/cli/render/build/plain.ts";
import { rawJsonDisplay } from "../../../../src/cli/render/build/raw-json.ts";
import { terminalDisplay } from "../../../../src/cli/render/build/terminal.ts";
import { printable } from "../../../../src/cli/render/build/width.ts";

const AT = new Date("2024-05-01T12:00:00Z");
const step = (number: number, name: string, inputs: number[] = []): BuildEvent => ({
  type: "step",
  step: number,
  name,
  inputs,
  digest: `sha256:${String(number).repeat(64)}`,
});
const started = (number: number): BuildEvent => ({ type: "started", step: number, at: AT });
const finished = (number: number, error?: string): BuildEvent => ({
  type: "finished",
  step: number,
  at: AT,
  ...(error !== undefined && { error }),
});
const output = (number: number, text: string): BuildEvent => ({
  type: "output",
  step: number,
  stream: "stdout",
  data: Buffer.from(text),
});
const part = (number: number, id: string, [current, total]: [number, number?], done = false): BuildEvent => ({
  type: "progress",
  step: number,
  id,
  current,
  ...(total !== undefined && { total }),
  done,
});
const warning: BuildEvent = {
  type: "warning",
  step: 1,
  warning: {
    rule: "StageNameCasing",
    description: "Stage names should be lowercase",
    url: "https://example.org",
    message: "Stage name 'Build' should be lowercase",
    range: { start: { line: 1, column: 1 }, end: { line: 1, column: 9 } },
  },
};

/** Events, each with how many milliseconds pass before it. */
type Script = readonly (BuildEvent | number)[];

describe("plain", () => {
  function shown(script: Script): string {
    let time = 0;
    let text = "";
    const display = plainDisplay({
      write: (piece) => {
        text += piece;
      },
      now: () => time,
    });
    for (const each of script) {
      if (typeof each === "number") time += each;
      else display.event(each);
    }
    display.end();
    return text;
  }

  it("shows steps one after the other, with their output and their times", () => {
    const text = shown([
      step(1, "[internal] load build definition from Dockerfile"),
      step(2, "[1/2] FROM docker.io/tsrun/base", [1]),
      step(3, "[2/2] RUN make", [2]),
      started(1),
      part(1, "transferring dockerfile:", [73], true),
      warning,
      finished(1),
      { type: "cached", step: 2 },
      started(3),
      312,
      output(3, "one\ntw"),
      12_000,
      output(3, "o\nthree"),
      90_000,
      finished(3),
    ]);
    expect(text).toBe(
      [
        "#1 [internal] load build definition from Dockerfile",
        "#1 transferring dockerfile: 73B done",
        "#1 WARN: StageNameCasing: Stage name 'Build' should be lowercase (line 1)",
        "#1 DONE 0.0s",
        "",
        "#2 [1/2] FROM docker.io/tsrun/base",
        "#2 CACHED",
        "",
        "#3 [2/2] RUN make",
        "#3 0.312 one",
        "#3 12.31 two",
        "#3 102.3 three",
        "#3 DONE 102.3s",
        "",
      ].join("\n"),
    );
  });

  it("keeps steps apart that run at once: one speaks, what ends is said at once", () => {
    const text = shown([
      step(1, "[a] RUN a"),
      step(2, "[b] RUN b"),
      started(1),
      output(1, "a1\n"),
      started(2),
      output(2, "b1\n"),
      output(1, "a2\n"),
      finished(2),
      output(1, "a3\n"),
      finished(1),
    ]);
    expect(text.split("\n")).toEqual([
      "#1 [a] RUN a",
      "#1 0.000 a1",
      "#1 0.000 a2",
      "#1 ...",
      "",
      "#2 [b] RUN b",
      "#2 0.000 b1",
      "#2 DONE 0.0s",
      "",
      "#1 [a] RUN a",
      "#1 0.000 a3",
      "#1 DONE 0.0s",
      "",
    ]);
  });

  it("gives the word to who has waited for seconds", () => {
    vi.useFakeTimers();
    let text = "";
    const display = plainDisplay({
      write: (piece) => {
        text += piece;
      },
      now: () => performance.now(),
    });
    for (const event of [step(1, "a"), step(2, "b"), started(1), started(2), output(2, "b1\n")])
      display.event(event);
    expect(text).toBe("#1 a\n");
    vi.advanceTimersByTime(5000);
    expect(text).toBe("#1 a\n#1 ...\n\n#2 b\n#2 0.000 b1\n");
    display.end();
    vi.useRealTimers();
  });

  it("repeats the last lines of what failed, and not of what was canceled for it", () => {
    const text = shown([
      step(1, "[2/2] RUN false"),
      step(2, "[other] RUN sleep"),
      started(1),
      started(2),
      ...Array.from({ length: 20 }, (_, index) => output(1, `line ${index}\n`)),
      finished(1, 'process "/bin/sh -c false" did not complete successfully: exit code: 1'),
      finished(2, "context canceled"),
    ]);
    expect(text).toContain(
      '#1 ERROR: process "/bin/sh -c false" did not complete successfully: exit code: 1\n\n#2 [other] RUN sleep\n#2 CANCELED\n',
    );
    expect(text.slice(text.indexOf("------"))).toBe(
      `------\n > [2/2] RUN false:\n${Array.from({ length: 10 }, (_, index) => `0.000 line ${index + 10}\n`).join("")}------\n`,
    );
  });

  it("says of a download what is worth a line", () => {
    const text = shown([
      step(1, "FROM x"),
      started(1),
      part(1, "sha256:abc", [0, 10_000_000]),
      part(1, "sha256:abc", [100_000, 10_000_000]),
      1000,
      part(1, "sha256:abc", [5_000_000, 10_000_000]),
      1000,
      part(1, "sha256:abc", [10_000_000, 10_000_000], true),
      finished(1),
    ]);
    expect(text.split("\n").slice(1, -2)).toEqual([
      "#1 sha256:abc 0B / 10.00MB",
      "#1 sha256:abc 5.00MB / 10.00MB 1.0s",
      "#1 sha256:abc 10.00MB / 10.00MB 2.0s done",
    ]);
  });

  it("says once that a step is done, whatever is said of it later", () => {
    const text = shown([step(1, "load"), started(1), finished(1), warning]);
    expect(text.match(/DONE/g)).toHaveLength(1);
    expect(text).toMatch(/#1 load\n#1 WARN: StageNameCasing.*\n$/);
  });

  it("puts characters together that come in two pieces", () => {
    const bytes = Buffer.from("ä\n");
    const text = shown([
      step(1, "x"),
      started(1),
      { type: "output", step: 1, stream: "stdout", data: bytes.subarray(0, 1) },
      { type: "output", step: 1, stream: "stdout", data: bytes.subarray(1) },
    ]);
    expect(text).toContain("#1 0.000 ä\n");
  });
});

describe("rawjson", () => {
  it("has BuildKit's documents", () => {
    const documents: unknown[] = [];
    const display = rawJsonDisplay({
      write: (line) => documents.push(JSON.parse(line)),
      now: () => AT.getTime(),
    });
    const at = AT.toISOString();
    for (const event of [
      step(1, "one"),
      step(2, "two", [1]),
      started(2),
      output(2, "hi\n"),
      part(2, "x", [1, 2], true),
      warning,
      finished(2, "no"),
    ])
      display.event(event);
    const vertex = { digest: `sha256:${"2".repeat(64)}`, name: "two", inputs: [`sha256:${"1".repeat(64)}`] };
    expect(documents).toMatchObject([
      { vertexes: [{ name: "one" }] },
      { vertexes: [vertex] },
      { vertexes: [{ ...vertex, started: at }] },
      { logs: [{ vertex: vertex.digest, stream: 1, data: "aGkK", timestamp: at }] },
      { statuses: [{ id: "x", vertex: vertex.digest, current: 1, total: 2, started: at, completed: at }] },
      { warnings: [{ level: 1, url: "https://example.org", range: [{ start: { line: 1, character: 0 } }] }] },
      { vertexes: [{ ...vertex, started: at, completed: at, error: "no" }] },
    ]);
  });
});

describe("a terminal", () => {
  /** What is on the screen, which is as wide as the script says. */
  function screen(script: Script, { columns = 60, rows = 20, end = false, colors = false } = {}) {
    vi.useFakeTimers();
    let text = "";
    const size = { columns, rows };
    const display = terminalDisplay({
      write: (piece) => {
        text += piece;
      },
      now: () => performance.now(),
      size: () => size,
      colors,
    });
    for (const each of script) {
      if (typeof each === "number") vi.advanceTimersByTime(each);
      else display.event(each);
    }
    if (end) display.end();
    else vi.advanceTimersByTime(100);
    const result = {
      text,
      lines: emulate(text),
      resize: (to: number) => Object.assign(size, { columns: to }),
    };
    if (!end) display.end();
    vi.useRealTimers();
    return result;
  }

  /** The sequences that the display uses, and no others. */
  function emulate(text: string): string[] {
    const lines: string[] = [""];
    let row = 0;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal is played
    for (const [piece] of text.matchAll(/\x1b\[(\d*)([A-Za-z])|\n|\r|[^\x1b\n\r]+/g)) {
      if (piece === "\n") {
        row++;
        lines[row] ??= "";
      } else if (piece.endsWith("A") && piece.startsWith("\x1b")) row -= Number(piece.slice(2, -1));
      else if (piece === "\x1b[J") lines.length = row + 1;
      else if (piece === "\x1b[K" || piece === "\r") continue;
      else lines[row] = piece;
    }
    return lines.map((line) => line.trimEnd()).filter((line, at) => line !== "" || at < lines.length - 1);
  }

  const script: Script = [
    step(1, "[internal] load build definition from Dockerfile"),
    step(2, "[1/2] FROM docker.io/tsrun/base"),
    step(3, "[2/2] RUN make"),
    started(1),
    finished(1),
    { type: "cached", step: 2 },
    started(3),
    1300,
    output(3, "one\n\x1b[32mtwo\x1b[0m\n10%\r50%"),
  ];

  it("shows what runs with its last lines, what has ended in one", () => {
    expect(screen(script).lines).toEqual([
      "[+] Building 1.4s (2/3)",
      " => [internal] load build definition from Dockerfile    0.0s",
      " => CACHED [1/2] FROM docker.io/tsrun/base              0.0s",
      " => [2/2] RUN make                                      1.4s",
      " => => # one",
      " => => # two",
      " => => # 50%",
    ]);
  });

  it("folds everything in the end", () => {
    expect(screen([...script, finished(3)], { end: true }).lines).toEqual([
      "[+] Building 1.3s (3/3) FINISHED",
      " => [internal] load build definition from Dockerfile    0.0s",
      " => CACHED [1/2] FROM docker.io/tsrun/base              0.0s",
      " => [2/2] RUN make                                      1.3s",
    ]);
  });

  it("shows all that a failed step has said", () => {
    const lines = Array.from({ length: 40 }, (_, index) => `line ${index}\n`).join("");
    const shown = screen([step(1, "[1/1] RUN x"), started(1), output(1, lines), finished(1, "no")], {
      end: true,
    });
    expect(shown.lines[1]).toBe(" => ERROR [1/1] RUN x                                   0.0s");
    expect(shown.lines.filter((line) => /line \d+$/.test(line))).toHaveLength(40);
  });

  it("draws no more rows than there are, what has ended gone first", () => {
    const many = Array.from({ length: 30 }, (_, index) => [
      step(index, `step ${index}`),
      started(index),
      ...(index === 5 ? [] : [finished(index)]),
    ]).flat();
    const { lines } = screen(many, { rows: 8 });
    expect(lines).toHaveLength(7);
    expect(lines[0]).toContain("(29/30)");
    expect(lines[1]).toContain("step 5");
    expect(lines.at(-1)).toContain("step 29");
  });

  it("is never wider than the terminal", () => {
    for (const columns of [10, 20, 33, 80]) {
      const long: Script = [
        step(1, "a very long name 長い名前 of a step that goes on and on and on"),
        started(1),
        part(1, "sha256:0123456789abcdef0123456789abcdef", [1, 2_000_000]),
        output(1, `${"x".repeat(300)}\n`),
      ];
      const { lines } = screen(long, { columns });
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
    }
  });

  it("has colors only where they are wanted", () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
    const color = /\x1b\[\d+m/;
    expect(screen(script, { colors: false }).text).not.toMatch(color);
    expect(screen(script, { colors: true }).text).toMatch(color);
  });

  it("lets no program of the build draw on it", () => {
    expect(printable("\x1b[2J\x1b]0;title\x07a\x1b[10Ab\x9b3Jc\x08\r")).toBe("abc");
    expect(printable("10%\r100%\r")).toBe("100%");
  });
});
