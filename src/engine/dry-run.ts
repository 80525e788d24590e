/** --dry-run: the Plan that a container would be started with; nothing is made. */
import { statSync } from "node:fs";
import { detectCgroupDriver } from "../runtime/cgroup/detect.ts";
import { containerPlan } from "../runtime/plan/container-plan.ts";
import type { DryRun } from "./api.ts";
import type { EngineContext } from "./context.ts";
import { hasUndecidedMounts, recordOf, userNamespaceFor, validateRequest } from "./create.ts";
import { userInImage } from "./files-in-layers.ts";
import { isLocated, mountsOf } from "./mounts.ts";
import { generateId, generateName } from "./names.ts";
import { cgroupInput, planInput } from "./prepare-start.ts";
import type { ResolvedImage } from "./resolve-image.ts";
import { runtimeConfig } from "./runtime-config.ts";
import { containerCapabilities, seccompProfile } from "./security.ts";
import type { ContainerMount, ContainerOptions } from "./types.ts";
import { validateAgainstImage } from "./validate.ts";

/** Plans the start of a container with these options; throws whatever `create` would refuse. */
export async function dryRun(
  context: EngineContext,
  options: ContainerOptions,
  image: ResolvedImage,
): Promise<DryRun> {
  await validateRequest(context, options);
  validateAgainstImage(options, image.config);
  const user = userInImage(context.paths, image, options);
  const record = recordOf(context, {
    id: generateId(),
    name: options.name ?? generateName(),
    options,
    image,
    mounts: await shownMounts(context, options, image),
    userNamespace: await userNamespaceFor(context, { options, image, user }),
  });
  const mounts = mountsOf(record);
  const config = await runtimeConfig(context, record, {
    user,
    seccomp: await seccompProfile(context, options, containerCapabilities(options)),
    mounts: mounts.every(isLocated)
      ? mounts
      : (await import("./volumes/locate.ts")).locateForShow(context, record, user),
  });
  const driver = detectCgroupDriver();
  const cgroup = cgroupInput(driver.open(record.cgroupPath), driver);
  const input = await planInput(context, record, config);
  return { config, plan: containerPlan({ ...input, cgroup, isDirectory: asIfMade(record.id) }) };
}

async function shownMounts(
  { paths }: EngineContext,
  options: ContainerOptions,
  image: ResolvedImage,
): Promise<ContainerMount[] | undefined> {
  if (!hasUndecidedMounts(options, image.config)) return undefined;
  const decide = await import("./volumes/decide.ts");
  return decide.shownMounts(decide.wantedMounts(paths, options, image.config));
}

/** What a start would find: files in the container's directory, and directories where -v makes missing sources. */
function asIfMade(id: string): (path: string) => boolean {
  return (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? !path.includes(`/${id}/`);
}
