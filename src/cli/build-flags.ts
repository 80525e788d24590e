/** The flags of `build`: docker's, those of its legacy builder included, and tsrun's own --on-error. */
import { flag, list, refused, value } from "./option-table.ts";
import { parseAnnotation } from "./options/build-annotation.ts";
import { parseCacheSource, parseCacheTarget } from "./options/build-cache.ts";
import { parseOutput } from "./options/build-output.ts";
import { parseBuildContext, parseSecret, parseSsh } from "./options/build-sources.ts";
import { parseBytes, parseSwap } from "./options/bytes.ts";
import { oneOf, only } from "./options/choices.ts";
import { parseBool, parseInteger } from "./options/numbers.ts";
import { parseEnv, parseExtraHost, parseLabel } from "./options/pairs.ts";
import { parseUlimit } from "./options/ulimit.ts";

const integer = { metavar: "int", parse: parseInteger };
const attestations = "tsrun makes no attestations; say false";

/** An attestation that is asked not to be made. */
function parseNone(text: string): false {
  if (!/^(disabled=true|type=(sbom|provenance),disabled=true)$/.test(text) && parseFlagWord(text))
    throw new Error(attestations);
  return false;
}

function parseFlagWord(text: string): boolean {
  try {
    return parseBool(text);
  } catch {
    return true;
  }
}

export const buildFlags = {
  "add-host": list('Add a custom host-to-IP mapping (format: "host:ip")', { parse: parseExtraHost }),
  allow: list('Allow extra privileged entitlement (e.g., "network.host", "security.insecure")', {
    parse: oneOf(["network.host", "security.insecure"] as const),
  }),
  annotation: list("Add annotation to the image", { parse: parseAnnotation }),
  attest: list("Attestation parameters: only type=…,disabled=true", { parse: parseNone }),
  "build-arg": list("Set build-time variables", { parse: parseEnv }),
  "build-context": list("Additional build contexts (e.g., name=path)", { parse: parseBuildContext }),
  builder: value("Override the configured builder instance", {
    parse: only(["default"], "other builders than tsrun itself, which is called default,"),
  }),
  "cache-from": list('External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir")', {
    parse: parseCacheSource,
  }),
  "cache-to": list('Cache export destinations (e.g., "user/app:cache", "type=local,dest=path/to/dir")', {
    parse: parseCacheTarget,
  }),
  call: value('Set method for evaluating build ("build", "check", "targets")', {
    parse: oneOf(["build", "check", "lint", "targets"]),
  }),
  "cgroup-parent": value('Set the parent cgroup for the "RUN" instructions during build'),
  check: flag('Shorthand for "--call=check"'),
  compress: refused("the context is sent nowhere: there is nothing to compress"),
  "cpu-period": value("Limit the CPU CFS (Completely Fair Scheduler) period", integer),
  "cpu-quota": value("Limit the CPU CFS (Completely Fair Scheduler) quota", integer),
  "cpu-shares": value("CPU shares (relative weight)", { ...integer, short: "c" }),
  "cpuset-cpus": value("CPUs in which to allow execution (0-3, 0,1)"),
  "cpuset-mems": value("MEMs in which to allow execution (0-3, 0,1)"),
  "disable-content-trust": refused("images are verified by their digests, always"),
  file: value('Name of the Dockerfile (default: "PATH/Dockerfile")', { short: "f" }),
  "force-rm": flag("Always remove intermediate containers: a build leaves none, ever"),
  iidfile: value("Write the image ID to a file"),
  isolation: value("Container isolation technology", {
    parse: only(["default"], "other isolation technologies"),
  }),
  label: list("Set metadata for an image", { parse: parseLabel }),
  load: flag("Load the image into the store, as is done anyway where no other output is asked for"),
  memory: value('Memory limit of each "RUN" instruction', {
    metavar: "bytes",
    short: "m",
    parse: parseBytes,
  }),
  "memory-swap": value("Swap limit equal to memory plus swap: -1 to enable unlimited swap", {
    metavar: "bytes",
    parse: parseSwap,
  }),
  "metadata-file": value("Write build result metadata to a file"),
  network: value('Set the networking mode for the "RUN" instructions during build (default "default")', {
    parse: oneOf(["default", "none", "host"] as const),
  }),
  "no-cache": flag("Do not use cache when building the image"),
  "no-cache-filter": list("Do not cache specified stages"),
  "on-error": value("Where a RUN fails, open a shell in what it has left", { parse: oneOf(["shell"]) }),
  output: list('Output destination (format: "type=local,dest=path")', { short: "o", parse: parseOutput }),
  platform: list("Set target platform for build"),
  policy: refused("there are no source policies"),
  progress: value(
    'Set type of progress output ("auto", "none", "plain", "quiet", "rawjson", "tty"). Use plain to show container output',
    { parse: oneOf(["auto", "none", "plain", "quiet", "rawjson", "tty"]) },
  ),
  provenance: value('Shorthand for "--attest=type=provenance": only false', { parse: parseNone }),
  pull: flag("Always attempt to pull all referenced images"),
  push: flag("Push the image to its registry, by all its names"),
  quiet: flag("Suppress the build output and print image ID on success", { short: "q" }),
  resource: refused("name the limits: --memory, --cpu-quota, --cpuset-cpus"),
  rm: flag("Remove intermediate containers after a successful build: a build leaves none, ever", {
    default: true,
  }),
  sbom: value('Shorthand for "--attest=type=sbom": only false', { parse: parseNone }),
  secret: list('Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")', {
    parse: parseSecret,
  }),
  "security-opt": refused('write "RUN --security=insecure", and give --allow security.insecure'),
  "shm-size": value("Shared memory size for build containers", { metavar: "bytes", parse: parseBytes }),
  squash: flag("Squash newly built layers into a single new layer"),
  ssh: list(
    'SSH agent socket or keys to expose to the build (format: "default|<id>[=<socket>|<key>[,<key>]]")',
    {
      parse: parseSsh,
    },
  ),
  tag: list('Image identifier (format: "[registry/]repository[:tag]")', { short: "t" }),
  target: value("Set the target build stage to build"),
  ulimit: list("Ulimit options", { metavar: "ulimit", parse: parseUlimit }),
};
