/** The progress of a build for programs: BuildKit's SolveStatus documents (client/graph.go), a line each. */
import { hash } from "node:crypto";
import type { BuildEvent } from "../../../build/types.ts";
import type { BuildDisplay } from "./plain.ts";
import { warningLine } from "./steps.ts";

interface Vertex {
  digest: string;
  name: string;
  inputs?: string[];
  started?: string;
  completed?: string;
  cached?: true;
  error?: string;
}

const STREAMS = { stdout: 1, stderr: 2 };

/** `now` is the time of day, in milliseconds since 1970. */
export function rawJsonDisplay({ write, now }: { write(text: string): void; now(): number }): BuildDisplay {
  const vertexes = new Map<number, Vertex>();
  const partsStarted = new Map<string, string>();
  const put = (document: object): void => write(`${JSON.stringify(document)}\n`);
  const time = (): string => new Date(now()).toISOString();

  const update = (step: number, changes: Partial<Vertex>): void => {
    const vertex = vertexes.get(step);
    if (vertex === undefined) return;
    Object.assign(vertex, changes);
    put({ vertexes: [vertex] });
  };

  const digestOf = (step: number): string => vertexes.get(step)?.digest ?? "";

  const announce = ({ step, name, digest, inputs }: Extract<BuildEvent, { type: "step" }>): void => {
    const digests = inputs.map(digestOf).filter(Boolean);
    vertexes.set(step, {
      digest: digest || substitute(step, name),
      name,
      ...(digests.length > 0 && { inputs: digests }),
    });
    update(step, {});
  };

  const part = ({ step, id, current, total, done }: Extract<BuildEvent, { type: "progress" }>): void => {
    const key = `${step} ${id}`;
    const timestamp = time();
    const started = partsStarted.get(key) ?? timestamp;
    partsStarted.set(key, started);
    const completed = done ? { completed: timestamp } : {};
    put({
      statuses: [
        { id, vertex: digestOf(step), current, ...(total && { total }), timestamp, started, ...completed },
      ],
    });
  };

  return {
    event(event) {
      switch (event.type) {
        case "step":
          return announce(event);
        case "started":
          return update(event.step, { started: event.at.toISOString() });
        case "cached": {
          const at = time();
          return update(event.step, { started: at, completed: at, cached: true });
        }
        case "output":
          return put({
            logs: [
              {
                vertex: digestOf(event.step),
                stream: STREAMS[event.stream],
                data: event.data.toString("base64"),
                timestamp: time(),
              },
            ],
          });
        case "progress":
          return part(event);
        case "warning": {
          const { url, range, description } = event.warning;
          const short = Buffer.from(warningLine(event.warning)).toString("base64");
          const detail = [Buffer.from(description).toString("base64")];
          const place = ({ line, column }: typeof range.start) => ({ line, character: column - 1 });
          const lines = [{ start: place(range.start), end: place(range.end) }];
          return put({
            warnings: [{ vertex: digestOf(event.step), level: 1, short, detail, url, range: lines }],
          });
        }
        case "finished":
          return update(event.step, {
            completed: event.at.toISOString(),
            ...(event.error !== undefined && { error: event.error }),
          });
      }
    },
    pause() {},
    end() {},
  };
}

/** Programs tell steps by their digests: of one that has none, because its result has none. */
const substitute = (step: number, name: string): string => `sha256:${hash("sha256", `${step} ${name}`)}`;
