import type { SystemApi } from "../api.ts";
import type { EngineContext } from "../context.ts";

/** The verbs of the system. */
export const systemOf = (context: EngineContext): SystemApi => ({
  async info() {
    const { systemInfo } = await import("../info.ts");
    return systemInfo(context);
  },

  async diskUsage() {
    const { diskUsage } = await import("../disk-usage.ts");
    return diskUsage(context);
  },

  async check(options = {}) {
    const { checkStore } = await import("../check/check.ts");
    return checkStore(context, options);
  },

  async *events(options = {}) {
    const { readEvents } = await import("../read-events.ts");
    yield* readEvents(context, options);
  },

  async boot(onResult) {
    const { startAfterBoot } = await import("../boot.ts");
    return startAfterBoot(context, onResult);
  },

  async shutdown(onResult) {
    const { stopForShutdown } = await import("../boot.ts");
    return stopForShutdown(context, onResult);
  },
});
