/** The language of Dockerfiles: reading, variables, .dockerignore and the checks of `build --check`. */

export { readDockerfile, readTrigger } from "./dockerfile.ts";
export { DockerfileError, showLines } from "./error.ts";
export {
  commandTitle,
  type ExpandedCommand,
  expandCommand,
  expandWord,
} from "./expand/command.ts";
export type { Expanded, Lookup } from "./expand/word.ts";
export { PatternError } from "./glob/class.ts";
export { hasWildcards, wildcardMatcher } from "./glob/wildcard.ts";
export { shellScript } from "./heredoc.ts";
export { excludeMatcher, type IgnoreMatcher, ignoreMatcher } from "./ignore.ts";
export {
  type BaseImage,
  type CheckContext,
  type CheckResult,
  checkDockerfile,
  checkFailure,
  checkText,
} from "./lint/check.ts";
export { parseDockerfile } from "./parse.ts";
