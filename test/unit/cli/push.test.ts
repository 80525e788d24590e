import { expect, test } from "vitest";
import push from "../../../src/cli/commands/push.ts";
import tag from "../../../src/cli/commands/tag.ts";
import type { PushEvent, PushOptions } from "../../../src/engine/api.ts";
import { type FakeEngine, runCommand } from "./fake.ts";

const events: PushEvent[] = [
  { type: "start", repository: "docker.io/team/app" },
  { type: "layer", id: "aaaaaaaaaaaa", state: "preparing" },
  { type: "layer", id: "bbbbbbbbbbbb", state: "preparing" },
  { type: "layer", id: "bbbbbbbbbbbb", state: "mounted", from: "team/base" },
  { type: "layer", id: "aaaaaaaaaaaa", state: "pushing" },
  { type: "progress", sentBytes: 10, totalBytes: 10 },
  { type: "layer", id: "aaaaaaaaaaaa", state: "pushed" },
  { type: "substitute", reason: "platform", original: "sha256:i", pushed: "sha256:d" },
  { type: "done", reference: "team/app:1", tag: "1", digest: "sha256:d", size: 405 },
];

function fake(): { engine: FakeEngine; asked: [string, PushOptions][] } {
  const asked: [string, PushOptions][] = [];
  const engine: FakeEngine = {
    images: {
      async push(reference, options = {}) {
        asked.push([reference, options]);
        for (const event of events) options.onProgress?.(event);
        return [{ reference: "team/app:1", digest: "sha256:d", size: 405 }];
      },
    },
  };
  return { engine, asked };
}

test("docker's lines, and what it says of an index at the end", async () => {
  expect((await runCommand(push, ["team/app:1"], fake())).out).toBe(
    [
      "The push refers to repository [docker.io/team/app]",
      "aaaaaaaaaaaa: Preparing",
      "bbbbbbbbbbbb: Preparing",
      "bbbbbbbbbbbb: Mounted from team/base",
      "aaaaaaaaaaaa: Pushed",
      "10B of 10B (100%)",
      "1: digest: sha256:d size: 405",
      "",
      "Info: Not all multiplatform-content is present and only the available single-platform image was pushed",
      "sha256:i -> sha256:d",
      "",
    ].join("\n"),
  );
});

test("on a terminal only what has become of a layer", async () => {
  const terminal = { isTerminal: () => true, size: () => ({ rows: 24, columns: 80 }) };
  const { out } = await runCommand(push, ["team/app:1"], { ...fake(), terminal });
  const lines = out.replaceAll("\r\x1b[K", "\n").split("\n");
  expect(lines.filter((line) => /^[a-z0-9]+: |^The push/.test(line))).toEqual([
    "The push refers to repository [docker.io/team/app]",
    "bbbbbbbbbbbb: Mounted from team/base",
    "aaaaaaaaaaaa: Pushed",
    "1: digest: sha256:d size: 405",
  ]);
});

test("-q: the name alone; what is asked for reaches the engine", async () => {
  const { engine, asked } = fake();
  expect(
    (await runCommand(push, ["-q", "-a", "--platform", "linux/arm64", "team/app"], { engine })).out,
  ).toBe("docker.io/team/app:1\n");
  expect(asked).toMatchObject([["team/app", { allTags: true, platform: "linux/arm64" }]]);
  expect((await runCommand(push, ["team/app"], { engine })).out).toMatch(/^Using default tag: latest\n/);
});

test("tag says nothing", async () => {
  const asked: string[][] = [];
  const engine: FakeEngine = { images: { tag: async (...names) => void asked.push(names) } };
  expect(await runCommand(tag, ["alpine", "team/alpine:1"], { engine })).toEqual({
    code: 0,
    out: "",
    err: "",
  });
  expect(asked).toEqual([["alpine", "team/alpine:1"]]);
});
