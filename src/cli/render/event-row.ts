/** An event as docker prints it: a line of text, JSON, or the data of a template. */
import type { EngineEvent } from "../../engine/api.ts";
import { compile } from "../template/template.ts";
import { goMap, toJson } from "../template/values.ts";

/** How --format wants an event, without the newline. Throws at once where the template is wrong. */
export function eventFormat(format: string): (event: EngineEvent) => string {
  if (format === "") return eventLine;
  if (format === "json") return (event) => toJson(eventRow(event));
  const template = compile(format.replaceAll("\\t", "\t").replaceAll("\\n", "\n"));
  return (event) => template.execute(eventRow(event));
}

/** "2026-01-02T15:04:05.000000000Z container create ID (image=alpine, name=web)", in local time. */
export function eventLine({ time, type, action, id, attributes }: EngineEvent): string {
  const pairs = Object.entries(goMap(attributes)).map(([key, value]) => `${key}=${value}`);
  return `${localTime(time)} ${type} ${action} ${id}${pairs.length === 0 ? "" : ` (${pairs.join(", ")})`}`;
}

/** The fields of templates; as JSON the older ones have names of their own, and are left out where they are empty. */
export function eventRow({ time, type, action, id, attributes }: EngineEvent) {
  const seconds = Math.floor(Date.parse(time) / 1000);
  const nanoseconds = BigInt(seconds) * 1_000_000_000n + BigInt(time.slice(20, 29));
  const older = {
    ...(type === "container" || type === "image" ? { status: action, id } : {}),
    ...(type === "container" ? { from: attributes["image"] ?? "" } : {}),
  };
  const actor = { ID: id, Attributes: goMap(attributes) };
  const row = {
    Status: older.status ?? "",
    ID: older.id ?? "",
    From: older.from ?? "",
    Type: type,
    Action: action,
    Actor: actor,
    Scope: "local",
    Time: seconds,
    TimeNano: nanoseconds,
  };
  const json = {
    ...older,
    Type: type,
    Action: action,
    Actor: actor,
    scope: "local",
    time: seconds,
    timeNano: nanoseconds,
  };
  // Not enumerable: {{.}} prints the fields.
  return Object.defineProperty(row, "toJSON", { value: () => json });
}

/** The same moment with the offset of this machine's zone. */
function localTime(time: string): string {
  const date = new Date(time);
  const minutes = -date.getTimezoneOffset();
  if (minutes === 0) return time;
  const local = new Date(date.getTime() + minutes * 60_000).toISOString().slice(0, 19);
  const two = (number: number): string => String(Math.trunc(number)).padStart(2, "0");
  const size = Math.abs(minutes);
  return `${local}${time.slice(19, 29)}${minutes < 0 ? "-" : "+"}${two(size / 60)}:${two(size % 60)}`;
}
