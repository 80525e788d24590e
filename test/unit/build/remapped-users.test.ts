import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../../../src/config.ts";
import { build, Engine } from "../../../src/index.ts";

test("is refused where containers are to have other users than the host's, before anything is looked at", async () => {
  const root = join(import.meta.dirname, "nowhere");
  const config = { ...loadConfig({}), "userns-remap": "default" };
  const engine = new Engine({ paths: { root, run: root }, config });
  const building = build(engine, { context: { kind: "directory", path: root } });
  await expect(building).rejects.toMatchObject({ code: "ERR_TSRUN_USERNS_UNSUPPORTED" });
});
