/** Events are written as they happen and read back with the right names, within bounds, then live. */
import { writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { execEvents, lifeEnvironment } from "../../../src/engine/container-events.ts";
import {
  type ContainerAction,
  containerEvent,
  type EngineEvent,
  execAction,
  recordEvent,
  timeNow,
} from "../../../src/engine/events.ts";
import { parseMoment, sortable } from "../../../src/engine/moment.ts";
import { parseEvent, readEvents } from "../../../src/engine/read-events.ts";
import { appendToJournal } from "../../../src/store/journal.ts";
import { endpoint } from "../../support/endpoint.ts";
import { openWorld, recordOf, type World } from "./container-fixture.ts";

let world: World;
beforeEach(() => {
  world = openWorld();
});
afterEach(() => world[Symbol.dispose]());

const web = recordOf("abc", { name: "web", labels: { tier: "front", name: "not this" } });
const at = (second: number): string => `2026-01-31T12:00:${String(second).padStart(2, "0")}.000000000Z`;
function put(second: number, action: string, attributes: Record<string, string> = { name: "web" }): void {
  const event = { time: at(second), type: "container", action, id: web.id, attributes };
  appendToJournal(world.context.paths, JSON.stringify(event));
}
async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
async function past(since: string, until: string): Promise<EngineEvent[]> {
  return collect(readEvents(world.context, { since, until }));
}

describe("recordEvent", () => {
  test("is read back, and its time is now", async () => {
    const before = timeNow();
    recordEvent(world.context, containerEvent(web, "kill", { signal: "15" }));
    const [event, ...others] = await past(before, timeNow());
    expect(others).toEqual([]);
    expect(event).toEqual({
      time: event?.time,
      type: "container",
      action: "kill",
      id: web.id,
      attributes: { tier: "front", image: "alpine", name: "web", signal: "15" },
    });
    expect(event?.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  });

  test("does not fail what it tells of", () => {
    const { paths } = world.context;
    writeFileSync(`${world.directory}/file`, "");
    recordEvent({ paths: { ...paths, root: `${world.directory}/file` } }, containerEvent(web, "start"));
  });

  test("leaves out labels that would fill the journal, and the end of a long command line", () => {
    const loud = { ...web, labels: { text: "x".repeat(40_000) } };
    expect(containerEvent(loud, "start").attributes).toEqual({ image: "alpine", name: "web" });
    expect(execAction("exec_create", ["sh", "-c", "x".repeat(10_000)]).length).toBeLessThan(5000);
    expect(execAction("exec_start", ["sh", "-c", "ls"])).toBe("exec_start: sh -c ls");
  });
});

describe("what a monitor is to record", () => {
  const valuesOf = (environment: readonly string[]): Record<string, string> =>
    Object.fromEntries(environment.map((text) => [text.split("=", 1)[0], text.slice(text.indexOf("=") + 1)]));
  const events = (lines = ""): unknown[] =>
    lines.split("\n").map((line) => parseEvent(`{"time":"${at(1)}",${line},"exitCode":"3"}}`));
  const bridge = endpoint({ containerId: web.id });
  const expected = (action: ContainerAction, more = {}) => ({
    time: at(1),
    ...containerEvent(web, action, { ...more, exitCode: "3" }),
  });
  const connection = { time: at(1), type: "network", id: bridge.networkId };
  const attributes = { container: web.id, name: "bridge", type: "bridge", exitCode: "3" };

  test("a container's life, with its network and its launcher", () => {
    const paths = world.context.paths;
    const values = valuesOf(lifeEnvironment(paths, web, { networks: [bridge], attached: true }));
    expect(values["TSRUN_JOURNAL"]).toBe(`${paths.root}/events/journal`);
    expect(events(values["TSRUN_EVENTS_START"])).toEqual([
      expected("attach"),
      { ...connection, action: "connect", attributes },
      expected("start"),
    ]);
    expect(events(values["TSRUN_EVENTS_OOM"])).toEqual([expected("oom")]);
    expect(events(values["TSRUN_EVENTS_DIE"])).toEqual([expected("die")]);
    expect(events(values["TSRUN_EVENTS_END"])).toEqual([{ ...connection, action: "disconnect", attributes }]);
    expect(values).not.toHaveProperty("TSRUN_EVENTS_HEALTHY");
  });

  test("a life alone", () => {
    const environment = lifeEnvironment(world.context.paths, web, { networks: [], attached: false });
    expect(events(valuesOf(environment)["TSRUN_EVENTS_START"])).toEqual([expected("start")]);
  });

  test("health, where there is a check", () => {
    const checked = { ...web, healthCheck: { test: ["CMD", "true"] } };
    const environment = lifeEnvironment(world.context.paths, checked, {
      networks: [],
      attached: false,
    });
    const values = valuesOf(environment);
    expect(events(values["TSRUN_EVENTS_HEALTHY"])).toEqual([expected("health_status: healthy")]);
    expect(events(values["TSRUN_EVENTS_UNHEALTHY"])).toEqual([expected("health_status: unhealthy")]);
  });

  test("an exec, whatever its command line holds", () => {
    const command = ["sh", "-c", 'echo "a\nb"'];
    const { create, environment } = execEvents(world.context.paths, web, { command });
    const { execID } = create.attributes;
    const values = valuesOf(environment);
    expect(events(values["TSRUN_EVENTS_START"])).toEqual([
      expected(execAction("exec_start", command), { execID }),
    ]);
    expect(events(values["TSRUN_EVENTS_DIE"])).toEqual([expected("exec_die", { execID })]);
  });
});

describe("readEvents", () => {
  test("tells what lies between since and until, both included", async () => {
    for (const second of [1, 2, 3, 4]) put(second, "start");
    expect((await past(at(2), at(3))).map(({ time }) => time)).toEqual([at(2), at(3)]);
    expect(await collect(readEvents(world.context, { until: at(1) }))).toHaveLength(1);
  });

  test("a name that was changed since the start is put right, until the container is gone", async () => {
    put(1, "start");
    put(2, "rename", { name: "shop", oldName: "/web" });
    put(3, "die");
    put(4, "destroy");
    put(5, "start", { name: "another" });
    const names = (await past(at(0), at(9))).map(({ attributes }) => attributes["name"]);
    expect(names).toEqual(["web", "shop", "shop", "shop", "another"]);
    // Also where the new name lies before the bounds.
    expect((await past(at(3), at(3)))[0]?.attributes["name"]).toBe("shop");
  });

  test("without bounds it tells what comes, and not what was", async () => {
    put(1, "start");
    put(2, "rename", { name: "shop", oldName: "/web" });
    const events = readEvents(world.context)[Symbol.asyncIterator]();
    let over = false;
    const next = events.next().finally(() => {
      over = true;
    });
    // It does not say when it has read the past.
    while (!over) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      put(3, "die");
    }
    expect((await next).value).toMatchObject({ action: "die", attributes: { name: "shop" } });
    await events.return?.();
  });

  test("tells the past, then what comes until the end", async () => {
    put(1, "create");
    const until = new Date(Date.now() + 1000).toISOString();
    setTimeout(() => recordEvent(world.context, containerEvent(web, "start")), 50);
    setTimeout(() => recordEvent(world.context, containerEvent(web, "die")), 1100);
    const actions = (await past(at(0), until)).map(({ action }) => action);
    expect(actions).toEqual(["create", "start"]);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(until));
    await new Promise((resolve) => setTimeout(resolve, 200));
  });

  test("is given up by a signal", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("enough")), 30);
    await expect(collect(readEvents(world.context, { signal: controller.signal }))).rejects.toThrow("enough");
  });

  test("refuses bounds that are none", async () => {
    await expect(past("soon", at(1))).rejects.toMatchObject({ code: "ERR_TSRUN_TIME_INVALID" });
    await expect(past(at(2), at(1))).rejects.toThrow("since time");
  });
});

test.each([
  ["not JSON", "{"],
  ["no id", '{"time":"t","type":"container","action":"die","attributes":{}}'],
  ["no attributes", '{"time":"t","type":"container","action":"die","id":"a"}'],
  ["null attributes", '{"time":"t","type":"container","action":"die","id":"a","attributes":null}'],
  ["null", "null"],
])("%s is no event", (_, line) => {
  expect(parseEvent(line)).toBeUndefined();
});

test.each([
  ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000000000Z"],
  ["2026-01-31T12:00:00.123456789Z", "2026-01-31T12:00:00.123456789Z"],
  ["2026-01-31T12:00:00.5+02:00", "2026-01-31T10:00:00.500000000Z"],
  ["1700000000.000000001", "2023-11-14T22:13:20.000000001Z"],
  ["0", "1970-01-01T00:00:00.000000000Z"],
])("%s as text that sorts", (text, expected) => {
  expect(sortable(parseMoment(text))).toBe(expected);
});
