import { describe, expect, it } from "vitest";
import { renderDocuments } from "../../../../src/cli/render/documents.ts";
import { renderError } from "../../../../src/cli/render/errors.ts";
import { createProgress, progressLine } from "../../../../src/cli/render/progress.ts";
import { renderRows } from "../../../../src/cli/render/rows.ts";
import { humanSize } from "../../../../src/cli/render/size.ts";
import { ellipsis, shortId, table } from "../../../../src/cli/render/table.ts";
import { ago, goTime, humanDuration, parseDuration, parseMoment } from "../../../../src/cli/render/time.ts";
import { TsrunError } from "../../../../src/errors.ts";

describe("table", () => {
  it("aligns as docker does", () => {
    expect(
      table([
        ["CONTAINER ID", "IMAGE", "NAMES"],
        ["0123456789ab", "alpine", "x"],
      ]),
    ).toBe("CONTAINER ID   IMAGE     NAMES\n0123456789ab   alpine    x\n");
  });

  it("counts characters, not bytes", () => {
    expect(
      table([
        ["COMMAND", "X"],
        ['"/docker-entrypoint.…"', "y"],
      ]),
    ).toBe('COMMAND                  X\n"/docker-entrypoint.…"   y\n');
  });

  it("shortens", () => {
    expect(ellipsis("/docker-entrypoint.sh nginx", 20)).toBe("/docker-entrypoint.…");
    expect(ellipsis("sh", 20)).toBe("sh");
    expect(shortId(`sha256:${"a".repeat(64)}`)).toBe("a".repeat(12));
  });
});

describe("humanSize", () => {
  it.each([
    [0, "0B"],
    [999, "999B"],
    [1000, "1kB"],
    [7_832_000, "7.83MB"],
    [101_400_000, "101MB"],
    [999_600_000, "1GB"],
    [1_200_000_000, "1.2GB"],
  ])("of %d", (bytes, text) => {
    expect(humanSize(bytes)).toBe(text);
  });
});

describe("time", () => {
  it.each([
    [0.4, "Less than a second"],
    [1, "1 second"],
    [59, "59 seconds"],
    [60, "About a minute"],
    [150, "2 minutes"],
    [3600, "About an hour"],
    [5 * 3600, "5 hours"],
    [47 * 3600, "47 hours"],
    [3 * 86400, "3 days"],
    [21 * 86400, "3 weeks"],
    [90 * 86400, "3 months"],
    [800 * 86400, "2 years"],
  ])("%d seconds", (seconds, text) => {
    expect(humanDuration(seconds * 1000)).toBe(text);
  });

  it("says how long ago", () => {
    expect(ago("2024-01-01T00:00:00.123456789Z", Date.parse("2024-01-01T00:02:01Z"))).toBe("2 minutes ago");
    expect(ago("", 0)).toBe("N/A");
  });

  it("prints local time as Go does", () => {
    expect(goTime("2024-01-02T15:04:05.678Z")).toMatch(/^2024-01-0[123] \d\d:\d\d:05 [+-]\d{4} \S+$/);
  });

  it.each([
    ["42m", 42 * 60_000],
    ["1h30m", 90 * 60_000],
    ["1.5s", 1500],
    ["500ms", 500],
    ["-1s", -1000],
    ["42", undefined],
    ["x", undefined],
  ])("reads the duration %s", (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it("reads moments", () => {
    const now = Date.parse("2024-01-02T00:00:00Z");
    expect(parseMoment("10m", now)).toBe("2024-01-01T23:50:00.000Z");
    expect(parseMoment("1700000000.5", now)).toBe("1700000000.5");
    expect(parseMoment("2013-01-02T13:23:37.123456789Z", now)).toBe("2013-01-02T13:23:37.123456789Z");
    expect(parseMoment("2013-01-02", now)).toBe(new Date("2013-01-02T00:00:00").toISOString());
    expect(() => parseMoment("yesterday", now)).toThrow('invalid value "yesterday"');
    expect(() => parseMoment("2013-13-45", now)).toThrow("invalid value");
  });
});

describe("renderRows", () => {
  const rows = [
    { ID: "1", Name: "a", Label: (key: string) => `${key}!` },
    { ID: "22", Name: "b", Label: (key: string) => `${key}?` },
  ];
  const list = { headings: { ID: "IMAGE ID", Name: "NAMES" }, columns: ["ID", "Name"] as const };

  it.each([
    ["", "IMAGE ID   NAMES\n1          a\n22         b\n"],
    ["table", "IMAGE ID   NAMES\n1          a\n22         b\n"],
    ["table {{.Name}}\\t{{.ID | upper}}", "NAMES     IMAGE ID\na         1\nb         22\n"],
    ['table {{.Label "com.my-key"}}', "my key\ncom.my-key!\ncom.my-key?\n"],
    ["{{.Name}}\\t{{.ID}}", "a\t1\nb\t22\n"],
    ["json", '{"ID":"1","Name":"a"}\n{"ID":"22","Name":"b"}\n'],
    ["{{json .}}", '{"ID":"1","Name":"a"}\n{"ID":"22","Name":"b"}\n'],
  ])("--format %j", (format, expected) => {
    expect(renderRows(rows, format, list)).toBe(expected);
  });
});

describe("renderDocuments", () => {
  it.each([
    [[{ A: 1 }], "", '[\n    {\n        "A": 1\n    }\n]\n'],
    [[], "", "[]\n"],
    [[{ A: 1 }, { A: 2 }], "json", '{"A":1}\n{"A":2}\n'],
    [[{ A: 1 }, { A: 2 }], "{{.A}}", "1\n2\n"],
  ])("%j as %j", (documents, format, expected) => {
    expect(renderDocuments(documents, format)).toBe(expected);
  });
});

describe("progress", () => {
  const play = (isTerminal: boolean) => {
    let time = 0;
    let text = "";
    const progress = createProgress({ write: (part) => (text += part), isTerminal, now: () => time });
    for (const receivedBytes of [0, 1_000_000, 2_000_000, 3_000_000, 4_000_000]) {
      time += 1000;
      progress.event({ type: "progress", receivedBytes, totalBytes: 4_000_000 });
    }
    progress.end();
    return text;
  };

  it("is a plain line every two seconds and one at the end, where output is no terminal", () => {
    expect(play(false)).toBe(
      [
        "1MB of 4MB (25%), 1MB/s, 3 s left",
        "3MB of 4MB (75%), 1MB/s, 1 s left",
        "4MB of 4MB (100%), 1MB/s",
        "",
      ].join("\n"),
    );
  });

  it("is one line in place on a terminal, cleared at the end", () => {
    const text = play(true);
    expect(text).not.toContain("\n");
    expect(text.endsWith("\r\x1b[K")).toBe(true);
    expect(text).toContain("\r\x1b[K2MB of 4MB (50%), 1MB/s, 2 s left");
  });

  it("says that and why something is tried again", () => {
    let text = "";
    const progress = createProgress({ write: (part) => (text += part), isTerminal: false });
    progress.event({ type: "retry", what: "layer abc", reason: "connection reset", delayMs: 1500 });
    expect(text).toBe("layer abc: connection reset; trying again in 2 s\n");
    text = "";
    progress.event({ type: "retry", what: "manifest from mirror m", reason: "404", delayMs: 0 });
    expect(text).toBe("manifest from mirror m: 404; trying the next source\n");
  });

  it("does without a total", () => {
    expect(progressLine(1_500_000, 0, 0)).toBe("1.5MB");
    expect(progressLine(0, 600_000_000, 1_000_000)).toBe("0B of 600MB (0%), 1MB/s, 10 min 0 s left");
  });
});

describe("renderError", () => {
  const context = { debug: false, program: "tsrun run", usage: "tsrun run IMAGE" };

  it("prints message and hint", () => {
    const error = new TsrunError("ERR_TSRUN_IMAGE_NOT_FOUND", "no such image: x", { hint: "pull it" });
    expect(renderError(error, context)).toBe("tsrun: no such image: x\nhint: pull it\n");
  });

  it("adds the usage where the command line is wrong", () => {
    expect(renderError(new TsrunError("ERR_TSRUN_USAGE", "unknown flag: --x"), context)).toBe(
      "tsrun: unknown flag: --x\n\nUsage:  tsrun run IMAGE\n\nRun 'tsrun run --help' for more information\n",
    );
  });

  it("has no stack trace without --debug, and all causes with it", () => {
    const error = new TsrunError("ERR_TSRUN_X", "outer", { cause: new Error("inner") });
    expect(renderError(error, context)).not.toContain("at ");
    const debug = renderError(error, { ...context, debug: true });
    expect(debug).toContain("[ERR_TSRUN_X]");
    expect(debug).toContain("caused by Error: inner");
  });

  it("knows a full disk from an internal error", () => {
    const error = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    expect(renderError(error, context)).toMatch(/^tsrun: ENOSPC: no space left on device, write\nhint: .*df/);
  });

  it("calls what it does not know an internal error", () => {
    expect(renderError(new TypeError("x is undefined"), context)).toMatch(
      /^tsrun: internal error: x is undefined\nhint: /,
    );
    expect(renderError("text", context)).toContain("internal error: text");
  });
});
