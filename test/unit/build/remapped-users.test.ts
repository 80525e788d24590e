import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../../../src/config.ts";
import { type BuildOptions, build, Engine } from "../../../src/index.ts";

const root = join(import.meta.dirname, "nowhere");
const building = (remap: string, options: Partial<BuildOptions>) =>
  build(new Engine({ paths: { root, run: root }, config: { ...loadConfig({}), "userns-remap": remap } }), {
    context: { kind: "directory", path: root },
    ...options,
  });

test("what users of its own exclude is refused before anything is looked at", async () => {
  await expect(building("default", { network: "host" })).rejects.toMatchObject({
    code: "ERR_TSRUN_OPTION_CONFLICT",
    message: "cannot share the host's network namespace when user namespaces are enabled",
    hint: expect.stringContaining("userns-remap"),
  });
});

test.runIf(process.getuid?.() === 0)("and so is a user that nobody knows", async () => {
  await expect(building("nobody-of-that-name", {})).rejects.toMatchObject({
    code: "ERR_TSRUN_USERNS_REMAP_INVALID",
  });
});
