import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { withheldFiles } from "./support/withheld.ts";

/**
 * Four projects: `unit` needs neither root nor network; `integration` meets the real kernel and `e2e` drives
 * bin/tsrun, both as root inside scripts/test-host, one file at a time because they share that host. `vm-engines` starts a
 * virtual machine, for which the others have better use for their time (scripts/test vm).
 */
export default defineConfig({
  // No caches in node_modules: what root's runs write there, the checkout's owner could not remove.
  cacheDir: join(tmpdir(), `tsrun-vitest-${process.getuid?.()}`),
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    fsModuleCache: false,
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts", "test/fuzz/**/*.test.ts"] } },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          testTimeout: 60_000,
          expect: { poll: { timeout: 10_000 } },
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: withheldFiles(),
          setupFiles: ["test/support/withhold.ts"],
          testTimeout: 120_000,
          expect: { poll: { timeout: 10_000 } },
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      { test: { name: "vm-engines", include: ["test/vm/**/*.test.ts"] } },
    ],
  },
});
