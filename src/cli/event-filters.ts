/** The filters of `events`, by docker's rules: ids and names match by their beginning, other words as a whole. */
import type { EngineEvent } from "../engine/api.ts";
import { type Matchers, matchesLabel } from "./filters.ts";

type Matcher = (value: string) => (event: EngineEvent) => boolean;

/** Of what an action says after its colon, `event=exec_start` says nothing. */
const OPEN_ENDED = ["exec_create", "exec_start", "health_status"];

const subject =
  (type: string): Matcher =>
  (value) =>
  ({ type: actual, id, attributes }) =>
    actual === type && (id.startsWith(value) || (attributes["name"] ?? "").startsWith(value));

/** As docker has them; of the last five types there are no events. */
export const eventMatchers: Matchers<EngineEvent> = {
  container: subject("container"),
  daemon: subject("daemon"),
  event: (value) =>
    OPEN_ENDED.includes(value)
      ? ({ action }) => action.startsWith(`${value}: `)
      : ({ action }) => action === value,
  image: (value) => (event) => imageNames(event).includes(value),
  label:
    (value) =>
    ({ attributes }) =>
      matchesLabel(value, attributes),
  network: subject("network"),
  scope: (value) => () => value === "local",
  type:
    (value) =>
    ({ type }) =>
      type === value,
  volume: subject("volume"),
  config: subject("config"),
  node: subject("node"),
  plugin: subject("plugin"),
  secret: subject("secret"),
  service: subject("service"),
};

/** What an event's image is called: of a container the image it was made from, with and without its tag. */
function imageNames({ type, id, attributes }: EngineEvent): string[] {
  const name = attributes[type === "image" ? "name" : "image"];
  const names = [...(type === "image" ? [id] : []), ...(name === undefined ? [] : [name])];
  return names.flatMap((text) => [text, text.replace(/@.*$|:[^/:]*$/, "")]);
}
