import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const checkout = fileURLToPath(new URL("../../..", import.meta.url));
const exists = (program: string): boolean => spawnSync(program, ["--version"]).status === 0;

it("the Vagrantfile is valid", { timeout: 60_000 }, (context) => {
  if (!exists("vagrant") && !exists("ruby")) context.skip("neither vagrant nor ruby is installed");
  const [program, ...args] = exists("vagrant")
    ? ["vagrant", "validate", "--ignore-provider"]
    : ["ruby", "-c", "Vagrantfile"];
  const home = mkdtempSync(join(tmpdir(), "tsrun-vagrant-"));
  const folders = { VAGRANT_HOME: home, VAGRANT_DOTFILE_PATH: home };
  const env = { ...process.env, ...folders, VAGRANT_CHECKPOINT_DISABLE: "1" };
  const run = spawnSync(program as string, args, { cwd: checkout, env, encoding: "utf8" });
  rmSync(home, { recursive: true, force: true });
  expect(run.status, run.stdout + run.stderr).toBe(0);
});
