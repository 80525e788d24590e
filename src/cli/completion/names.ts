/** The names that completion offers, from the engine. */
import type { EngineApi } from "../../engine/api.ts";
import type { ContainerSummary } from "../../engine/types.ts";
import { statusText } from "../render/container-row.ts";
import { shortId } from "../render/table.ts";
import type { ContainerFilter, Names } from "./completion.ts";

/** What the networks that every host has are. */
const NOTES: Readonly<Record<string, string>> = {
  bridge: "an address of its own behind the host's (default)",
  host: "the host's own network",
  none: "no network",
};

const filters: Readonly<Record<ContainerFilter, (summary: ContainerSummary) => boolean>> = {
  all: () => true,
  paused: ({ state }) => state.paused === true,
  running: ({ state }) => state.pid !== 0,
  startable: ({ state }) => state.pid === 0,
};

export function engineNames(engine: () => Promise<EngineApi>, now: () => number): Names {
  return {
    async containers(filter) {
      const all = await (await engine()).list();
      return all.filter(filters[filter]).map(({ record, state }) => ({
        text: record.name,
        note: `${record.image}, ${statusText(state, now())}`,
      }));
    },
    async images() {
      const all = await (await engine()).images.list();
      return all.flatMap(({ id, names }) => names.map((text) => ({ text, note: shortId(id) })));
    },
    async networks() {
      const all = await (await engine()).networks.list();
      return all.map(({ name, driver, subnets }) => ({
        text: name,
        note: NOTES[name] ?? `${driver}, ${subnets.map(({ subnet }) => subnet).join(", ")}`,
      }));
    },
    async volumes() {
      const all = await (await engine()).volumes.list();
      return all.map(({ name, driver }) => ({ text: name, note: driver }));
    },
  };
}
