import { describe, expect, it } from "vitest";
import events from "../../../src/cli/commands/events.ts";
import type { EngineEvent, EventsOptions } from "../../../src/engine/api.ts";
import { runCommand } from "./fake.ts";

const ID = "7765622d2d2d".padEnd(64, "0");
const time = (second: number): string => `2024-05-01T12:00:0${second}.123456789Z`;
const container = { type: "container", id: ID } as const;
const STREAM: EngineEvent[] = [
  { time: time(0), type: "image", action: "pull", id: "alpine:3.20", attributes: { name: "alpine" } },
  {
    ...container,
    time: time(1),
    action: "create",
    attributes: { tier: "front", image: "alpine:3.20", name: "web" },
  },
  {
    ...container,
    time: time(2),
    action: "exec_start: sh -c ls",
    attributes: { execID: "e1", image: "alpine:3.20", name: "web" },
  },
  {
    time: time(3),
    type: "network",
    action: "connect",
    id: "bridge",
    attributes: { container: ID, name: "bridge", type: "bridge" },
  },
  {
    ...container,
    time: time(4),
    action: "die",
    attributes: { tier: "front", exitCode: "3", image: "alpine:3.20", name: "web" },
  },
];

function run(...argv: string[]) {
  const asked: EventsOptions[] = [];
  const engine = {
    system: {
      async *events(options: EventsOptions = {}) {
        asked.push(options);
        yield* STREAM;
      },
    },
  };
  return runCommand(events, argv, { engine }).then((result) => ({ ...result, asked }));
}

describe("events", () => {
  it("prints docker's lines, attributes by name", async () => {
    const { out, code } = await run();
    expect(code).toBe(0);
    const lines = out.split("\n");
    expect(lines[0]).toMatch(
      /^2024-05-0\dT\d\d:00:00\.123456789(Z|[+-]\d\d:\d\d) image pull alpine:3\.20 \(name=alpine\)$/,
    );
    expect(lines[4]).toContain(` container die ${ID} (exitCode=3, image=alpine:3.20, name=web, tier=front)`);
    expect(Date.parse((lines[0] as string).split(" ")[0] as string)).toBe(Date.parse(time(0)));
  });

  it("prints docker's JSON, a line each, with exact nanoseconds", async () => {
    const { out } = await run("--format", "json");
    const lines = out.trimEnd().split("\n");
    const from = "alpine:3.20";
    expect(lines[1]).toBe(
      `{"status":"create","id":"${ID}","from":"${from}","Type":"container","Action":"create","Actor":{"ID":"${ID}","Attributes":{"image":"${from}","name":"web","tier":"front"}},"scope":"local","time":1714564801,"timeNano":1714564801123456789}`,
    );
    expect(JSON.parse(lines[0] as string)).toMatchObject({ status: "pull", id: "alpine:3.20" });
    expect(Object.keys(JSON.parse(lines[0] as string))).not.toContain("from");
    expect(JSON.parse(lines[3] as string)).not.toHaveProperty("status");
    expect((await run("--format", "{{json .}}")).out).toBe(out);
  });

  it("prints templates", async () => {
    const format =
      '{{.Action}} {{.Actor.Attributes.name}} {{index .Actor.Attributes "tier"}} {{.TimeNano}} {{.From}}';
    const { out } = await run("--format", format, "-f", "event=die");
    expect(out).toBe("die web front 1714564804123456789 alpine:3.20\n");
  });

  it.each([
    ["type=network", ["connect"]],
    ["event=die", ["die"]],
    ["event=exec_start", ["exec_start: sh -c ls"]],
    ["event=exec_start: sh -c ls", ["exec_start: sh -c ls"]],
    ["event=exec_die", []],
    ["container=web", ["create", "exec_start: sh -c ls", "die"]],
    [`container=${ID.slice(0, 12)}`, ["create", "exec_start: sh -c ls", "die"]],
    ["container=bridge", []],
    ["image=alpine", ["pull", "create", "exec_start: sh -c ls", "die"]],
    ["image=alpine:3.20", ["pull", "create", "exec_start: sh -c ls", "die"]],
    ["image=alp", []],
    ["label=tier=front", ["create", "die"]],
    ["label=tier=back", []],
    ["network=bridge", ["connect"]],
    ["volume=bridge", []],
    ["daemon=bridge", []],
    ["scope=swarm", []],
  ])("--filter %s", async (filter, actions) => {
    const { out } = await run("--filter", filter, "--format", "{{.Action}}");
    expect(out).toBe(actions.map((action) => `${action}\n`).join(""));
  });

  it("takes several filters: of one name any, of several all", async () => {
    const filters = ["-f", "event=die", "-f", "event=create", "-f", "label=tier", "-f", "type=container"];
    expect((await run(...filters, "--format", "{{.Action}}")).out).toBe("create\ndie\n");
  });

  it.each([[["-f", "colour=red"], "ERR_TSRUN_FILTER_INVALID"]])(
    "refuses %j before it asks the engine",
    async (argv, code) => {
      await expect(run(...argv)).rejects.toMatchObject({ code });
    },
  );

  it("refuses times and templates that are none", async () => {
    await expect(run("--since", "yesterday")).rejects.toThrow("invalid value");
    await expect(run("--format", "{{.Action")).rejects.toThrow();
  });

  it("hands the bounds on", async () => {
    const { asked } = await run("--since", "1700000000.5", "--until", "2026-01-31T12:00:00.5+02:00");
    expect(asked).toEqual([{ since: "1700000000.5", until: "2026-01-31T12:00:00.5+02:00" }]);
    const before = Date.now() - 600_000;
    const since = (await run("--since", "10m")).asked[0]?.since ?? "";
    expect(Date.parse(since)).toBeGreaterThanOrEqual(before);
  });
});
