/** Docker's build checks, as a build makes them by the way. */

import { formatPlatform } from "../image/platform.ts";
import type { BuildContext } from "./context/context.ts";
import { checkDockerfile, checkFailure, ignoreMatcher } from "./dockerfile/index.ts";
import type { Dockerfile, DockerfileWarning } from "./dockerfile/types.ts";
import { BuildError } from "./errors.ts";
import type { BaseImage } from "./graph/types.ts";
import type { BuildOptions } from "./types.ts";

/** Throws BuildError where the Dockerfile says that warnings are errors. */
export function checkBuild(
  dockerfile: Dockerfile,
  {
    options,
    buildArgs,
    files,
    imageOf,
  }: {
    options: BuildOptions;
    buildArgs: ReadonlyMap<string, string>;
    files: BuildContext;
    imageOf: (reference: string) => BaseImage | undefined;
  },
): DockerfileWarning[] {
  const { target, platforms = [] } = options;
  const [platform] = platforms;
  const given = Object.fromEntries(buildArgs);
  const { ignoreFile } = files;
  const warnings = checkDockerfile(dockerfile, {
    buildArgs: given,
    ...(target !== undefined && { target }),
    ...(platform !== undefined && { platform }),
    ...(ignoreFile && { ignore: ignoreMatcher(ignoreFile.text, ignoreFile.name) }),
    baseImage(reference) {
      const image = imageOf(reference);
      if (image === undefined) return undefined;
      const { Env = [], Shell = [] } = image.config;
      return { environment: Env, shell: Shell.length > 0, platform: formatPlatform(image.platform) };
    },
  });
  const failure = checkFailure(warnings, dockerfile.parsed, given);
  const [first] = warnings;
  if (failure === undefined || first === undefined) return warnings;
  throw new BuildError(failure, { range: first.range, code: "ERR_TSRUN_DOCKERFILE_INVALID" });
}
