/** --dry-run: the Plan that a container would be started with; nothing is made. */
import { statSync } from "node:fs";
import { detectCgroupDriver } from "../runtime/cgroup/detect.ts";
import { containerPlan } from "../runtime/plan/container-plan.ts";
import type { DryRun } from "./api.ts";
import type { EngineContext } from "./context.ts";
import { recordOf, validateRequest } from "./create.ts";
import { generateId, generateName } from "./names.ts";
import { cgroupInput, planInput } from "./prepare-start.ts";
import type { ResolvedImage } from "./resolve-image.ts";
import { runtimeConfig } from "./runtime-config.ts";
import type { ContainerOptions } from "./types.ts";
import { validateAgainstImage } from "./validate.ts";

/** Plans the start of a container with these options; throws whatever `create` would refuse. */
export async function dryRun(
  context: EngineContext,
  options: ContainerOptions,
  image: ResolvedImage,
): Promise<DryRun> {
  await validateRequest(context, options);
  validateAgainstImage(options, image.config);
  const record = recordOf(context, {
    id: generateId(),
    name: options.name ?? generateName(),
    options,
    image,
  });
  const config = await runtimeConfig(context, record);
  const driver = detectCgroupDriver();
  const cgroup = cgroupInput(driver.open(record.cgroupPath), driver);
  const input = await planInput(context, record, config);
  return { config, plan: containerPlan({ ...input, cgroup, isDirectory: asIfMade(record.id) }) };
}

/** What a start would find: files in the container's directory, and directories where -v makes missing sources. */
function asIfMade(id: string): (path: string) => boolean {
  return (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? !path.includes(`/${id}/`);
}
