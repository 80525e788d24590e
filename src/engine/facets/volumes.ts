import type { VolumesApi } from "../api.ts";
import type { EngineContext } from "../context.ts";

/** The verbs of volumes. */
export const volumesOf = (context: EngineContext): VolumesApi => ({
  async create({ name = "", ...spec } = {}) {
    const { createVolume } = await import("../volumes/create.ts");
    const { inspectVolume } = await import("../volumes/list.ts");
    const created = await createVolume(context, { ...spec, name });
    return inspectVolume(context, created.name);
  },

  async list() {
    const { listVolumes } = await import("../volumes/list.ts");
    return listVolumes(context);
  },

  async inspect(name) {
    const { inspectVolume } = await import("../volumes/list.ts");
    return inspectVolume(context, name);
  },

  async remove(name, options = {}) {
    const { removeVolume } = await import("../volumes/remove.ts");
    return removeVolume(context, name, options);
  },

  async prune(options = {}) {
    const { pruneVolumes } = await import("../volumes/remove.ts");
    const { sweep } = await import("../cleanup.ts");
    await sweep(context);
    return pruneVolumes(context, options);
  },
});
