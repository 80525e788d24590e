/**
 * The end-to-end tests that an ordinary user's tsrun cannot pass, each with the row of docs/rootless.md that says why, for
 * `scripts/test rootless`. What tsrun says in these cases is tested by test/e2e/rootless-*.test.ts.
 */
import { readFileSync } from "node:fs";
import { isRootless } from "../../src/kernel/rootless.ts";

interface Withheld {
  /** Below test/e2e, without ".test.ts". */
  file: string;
  /** The end of the test's full name; all of the file without it. */
  test?: string;
  because: string;
  /** Only where the test is outside of the user's network namespace, or inside; else in both. */
  where?: "outside" | "inside";
}

const CGROUP = "limits, `update`, `pause`, OOM counts, where no cgroup is delegated";
const ADDRESS = "a container's address on the host";

const LINKS = "`network create -d macvlan`, network devices of a bundle";
const MAPPED = "`-v …:U`, idmapped mounts of a bundle";
const DEVICES = "devices that you may not open";
const NAMESPACES =
  "`--pid host`, `--ipc host`, `--uts host`; `--pid container:` where no cgroup is delegated";
const IDS = "ids above 65536 (your range)";
const PORTS = "the client's address at a published port";

/** What is compared with, or made by, programs that want root for themselves: dockerd, podman, skopeo. */
const OTHERS = "other programs that need root";
/** What the test itself does needs root: mounts of the host, its folders. */
const TEST = "the test needs root for itself";
/** Most weakened builds would let an ordinary user's containers do nothing that the kernel does not forbid as well. */
const WEAKENED = "that an attack is one is shown as root";

const inside = (names: string[]): Withheld[] =>
  names.map((file) => ({ file, because: ADDRESS, where: "outside" }));

const some = (file: string, because: string, tests: string[]): Withheld[] =>
  tests.map((test) => ({ file, test, because }));

export const withheld: readonly Withheld[] = [
  ...["run", "build", "network", "pasta"].map((what) => ({ file: `rootless-${what}`, because: TEST })),
  ...["archives-of-others", "build-compare", "exactness", "exposure", "push-peers", "network-docker"].map(
    (file) => ({
      file,
      because: OTHERS,
    }),
  ),
  ...["containerd", "docker", "kubernetes", "podman", "swarm"].map((engine) => ({
    file: `engine-${engine}`,
    because: OTHERS,
  })),
  ...["descriptors", "identity", "kernel-files", "neighbours", "program", "roots"].map((hole) => ({
    file: `attack-weakened-${hole}`,
    because: WEAKENED,
  })),
  ...["vm/health", "vm/limits", "vm/platform", "vm/rootless"].map((file) => ({ file, because: TEST })),
  ...inside(["network", "ports", "network-1-address", "network-2-host", "network-3-neighbours"]),
  ...inside(["network-4-outside", "network-5-ports", "network-commands", "network-graph", "network-many"]),
  ...["userns", "build-userns"].map((file) => ({
    file,
    because: "`--userns=remap`, `auto`, `keep-id`; `userns-remap`",
  })),
  { file: "namespace-modes", because: NAMESPACES },
  { file: "verbs-limits", because: CGROUP },
  ...some("limits", CGROUP, [
    '["--cpuset-cpus","4095"]',
    "a weight is applied, or what it needs is named",
    "-m is the cgroup's limit",
    "a container that outgrows it is killed: 137, OOMKilled, and a message",
    "a process killed inside leaves the container running",
    "one that keeps within it is not",
    "--pids-limit stops a fork bomb",
    "a limit holds for what exec brings too",
    "--cpu-shares and --cpuset-cpus",
    "--cpus is a quota",
    "--cpus slows down what would take more",
    "are shown by inspect in docker's fields",
    "leave no cgroup behind",
  ]),
  ...some("build-run", CGROUP, [
    "a RUN that outgrows --memory says so",
    "others are the cgroup's, and what cannot be is said before anything is built",
  ]),
  ...some("events", CGROUP, [
    "memory that ran out is told before the end",
    "what a container goes through is told of",
    "images are told of", // it goes on with the containers of the one before
  ]),
  ...some("images-of-containers", CGROUP, ["what runs stands still meanwhile, and Ctrl-C lets it run on"]),
  ...some("store", CGROUP, ["counts, and names what there is"]),
  ...some("verbs-attach", CGROUP, ["hears of a kill at once, and of the end of a paused one"]),
  ...some("verbs-change", CGROUP, [
    "against start: what runs has the limits that the record says",
    "against the end: the record has the new limit, whether it was told while it ran or after",
    "of a container that waits to be restarted counts from its next start",
    "by several at once: each limit is somebody's, and none is lost",
  ]),
  ...some("service", CGROUP, [
    "a container of its commit has the data",
    "export and import give the same tree",
  ]),
  ...some("oci-life", CGROUP, [
    "takes along what has outlived its first process when it is deleted",
    "a cgroup in use is refused, and left alone",
  ]),
  ...some("oci-config", MAPPED, [
    "maps the owners of a part of the container itself, in a user namespace too",
  ]),
  ...some("oci-config", LINKS, [
    "of the host become the container's, with their addresses and by the name that is asked for",
    "get a number of the kernel's for %d, and no name that is taken",
  ]),
  ...some("stats", CGROUP, ["tells processor time by the second, and memory against the limit"]),
  ...some("verbs-look", CGROUP, [
    "works while it is paused",
    "filters that docker has, on containers that run, are paused, made or over",
  ]),
  ...some("verbs-prune", CGROUP, ["removes what was created or is over, and says what that was worth"]),
  { file: "volume-drivers-tls", because: TEST },
  ...some("volume-drivers", TEST, [
    "a device, shared and copied to while nothing runs",
    "a program is a plugin too: it is started for each call",
    "files name plugins that are elsewhere",
  ]),
  ...some("volumes", MAPPED, ["U: the container's user owns the files, and nothing on disk changes hands"]),
  ...some("isolation", DEVICES, ["no file of the host's"]),
  ...some("run", DEVICES, ["--device gives a node and the right to open it", "--privileged"]),
  // They write to the programs of the checkout, which is not the user's.
  ...some("attack-refused", TEST, [
    "CVE-2016-9962: a process on its way into the container, seen through /proc by what is there",
    "CVE-2019-5736: the monitor's program, found as the program of a process that joins",
    "CVE-2019-5736: the program of --init, as that of pid 1",
  ]),
  ...some("restart", TEST, ["with it: a unit that is written, enabled and removed"]),
  ...some("ports", PORTS, [
    "follow a container that is taken off a network, and are nobody else's",
    "are put back by `tsrun network ls` where the rules were flushed",
    "are put back by `tsrun run -d` where the rules were flushed",
    "what a killed monitor leaves is taken back",
  ]),
  ...some("network", IDS, ["allows a port below 1024 and a ping to an ordinary user"]),
  ...some("network", ADDRESS, [
    "takes its links and addresses away with the containers",
    "is the host's own network",
  ]),
];

/** The patterns of the files that are withheld as a whole. */
export const withheldFiles = (): string[] =>
  isRootless()
    ? withheld
        .filter(({ test, where }) => test === undefined && isHere(where))
        .map(({ file }) => `test/e2e/${file}.test.ts`)
    : [];

const isHere = (where: Withheld["where"]): boolean =>
  where === undefined || (where === "inside") === (process.env.TSRUN_TEST_INSIDE === "1");

/** Why a test is withheld here; undefined where it is not. */
export function reasonFor(path: string, fullName: string): string | undefined {
  if (!isRootless()) return undefined;
  return withheld.find(
    ({ file, test, where }) =>
      test !== undefined && path.endsWith(`/${file}.test.ts`) && fullName.endsWith(test) && isHere(where),
  )?.because;
}

/** The rows of docs/rootless.md. */
export function documentedReasons(): string[] {
  const text = readFileSync(new URL("../../docs/rootless.md", import.meta.url), "utf8");
  const [, table = ""] = /## What is withheld\n([\s\S]*)/.exec(text) ?? [];
  return [...table.matchAll(/^\| (.+?) +\|/gm)].map(([, row = ""]) => row);
}
