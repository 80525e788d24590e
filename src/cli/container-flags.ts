/** The flags of `run`, as docker's `run` and `create` have them. */

import { alias, flag, list, refused, value } from "./option-table.ts";
import { parseBytes, parseSwap } from "./options/bytes.ts";
import { only, parsePull, parseUserns } from "./options/choices.ts";
import { parseByteRate, parseDevice, parseDeviceWeight, parseOperationRate } from "./options/device.ts";
import { healthFlags } from "./options/health.ts";
import { parseDns, parseSearchDomain } from "./options/ip.ts";
import { parseMount } from "./options/mount.ts";
import { parseAddress, parseLink, parseMacAddress, parseNetwork } from "./options/network.ts";
import { parseInteger, parseNanoCpus, parseUnsigned } from "./options/numbers.ts";
import { parseEnv, parseExtraHost, parseLabel, parseLogDriver, parseSysctl } from "./options/pairs.ts";
import { parseExpose, parsePublish } from "./options/publish.ts";
import { parseRestartPolicy } from "./options/restart.ts";
import { resolveSecurityOpt } from "./options/security-opt.ts";
import { checkDetachKeys, parseStream } from "./options/streams.ts";
import { parseTmpfs } from "./options/tmpfs.ts";
import { parseUlimit } from "./options/ulimit.ts";
import { parseVolume } from "./options/volume.ts";

const bytes = { metavar: "bytes", parse: parseBytes };
const integer = { metavar: "int", parse: parseInteger };
const WINDOWS = "it is for Windows containers only";

export const runFlags = {
  "add-host": list("Add a custom host-to-IP mapping (host:ip)", { parse: parseExtraHost }),
  annotation: list("Add an annotation to the container (passed through to the OCI runtime)", {
    metavar: "map",
    parse: parseLabel,
  }),
  attach: list("Attach to STDIN, STDOUT or STDERR", { short: "a", parse: parseStream }),
  "blkio-weight": value("Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)", {
    metavar: "uint16",
    parse: (text) => parseUnsigned(text, 0xffff),
  }),
  "blkio-weight-device": list("Block IO weight (relative device weight)", { parse: parseDeviceWeight }),
  "cap-add": list("Add Linux capabilities"),
  "cap-drop": list("Drop Linux capabilities"),
  "cgroup-parent": value("Optional parent cgroup for the container"),
  cgroupns: value("Cgroup namespace to use (private)", {
    parse: only(["private"], "other cgroup namespaces"),
  }),
  cidfile: value("Write the container ID to the file"),
  "cpu-period": value("Limit CPU CFS (Completely Fair Scheduler) period", integer),
  "cpu-quota": value("Limit CPU CFS (Completely Fair Scheduler) quota", integer),
  "cpu-shares": value("CPU shares (relative weight)", { ...integer, short: "c" }),
  cpus: value("Number of CPUs", { metavar: "decimal", parse: parseNanoCpus }),
  "cpuset-cpus": value("CPUs in which to allow execution (0-3, 0,1)"),
  "cpuset-mems": value("MEMs in which to allow execution (0-3, 0,1)"),
  detach: flag("Run container in background and print container ID", { short: "d" }),
  "detach-keys": value("Override the key sequence for detaching a container", { parse: checkDetachKeys }),
  device: list("Add a host device to the container", { parse: parseDevice }),
  "device-read-bps": list("Limit read rate (bytes per second) from a device", { parse: parseByteRate }),
  "device-read-iops": list("Limit read rate (IO per second) from a device", { parse: parseOperationRate }),
  "device-write-bps": list("Limit write rate (bytes per second) to a device", { parse: parseByteRate }),
  "device-write-iops": list("Limit write rate (IO per second) to a device", { parse: parseOperationRate }),
  dns: list("Set custom DNS servers", { parse: parseDns }),
  "dns-option": list("Set DNS options"),
  "dns-search": list("Set custom DNS search domains", { parse: parseSearchDomain }),
  domainname: value("Container NIS domain name"),
  entrypoint: value("Overwrite the default ENTRYPOINT of the image"),
  env: list("Set environment variables", { short: "e", parse: parseEnv }),
  "env-file": list("Read in a file of environment variables"),
  expose: list("Expose a port or a range of ports", { parse: parseExpose }),
  "group-add": list("Add additional groups to join"),
  ...healthFlags,
  hostname: value("Container host name", { short: "h" }),
  init: flag("Run an init inside the container that forwards signals and reaps processes"),
  interactive: flag("Keep STDIN open even if not attached", { short: "i" }),
  ip: value("IPv4 address (e.g., 172.30.100.104)", { parse: parseAddress }),
  ip6: value("IPv6 address (e.g., 2001:db8::33)", { parse: parseAddress }),
  ipc: value('IPC mode to use ("private", "shareable", "none", "host", "container:NAME")'),
  isolation: value("Container isolation technology (default)", {
    parse: only(["default"], "other isolation technologies"),
  }),
  label: list("Set meta data on a container", { short: "l", parse: parseLabel }),
  "label-file": list("Read in a line delimited file of labels"),
  link: list("Add link to another container", { parse: parseLink }),
  "link-local-ip": list("Container IPv4/IPv6 link-local addresses", { parse: parseAddress }),
  "log-driver": value("Logging driver for the container (json-file, none)", { parse: parseLogDriver }),
  "log-opt": list("Log driver options (max-size, max-file)"),
  "mac-address": value("Container MAC address (e.g., 92:d0:c6:0a:29:33)", { parse: parseMacAddress }),
  memory: value("Memory limit", { ...bytes, short: "m" }),
  "memory-reservation": value("Memory soft limit", bytes),
  "memory-swap": value("Swap limit equal to memory plus swap: '-1' to enable unlimited swap", {
    metavar: "bytes",
    parse: parseSwap,
  }),
  "memory-swappiness": value("Tune container memory swappiness (0 to 100) (default -1)", integer),
  mount: list("Attach a filesystem mount to the container (bind, volume, tmpfs, image)", {
    metavar: "mount",
    parse: (text) => parseMount(text, process.cwd()),
  }),
  name: value("Assign a name to the container"),
  network: list("Connect a container to a network", { metavar: "network", parse: parseNetwork }),
  "network-alias": list("Add network-scoped alias for the container"),
  "oom-kill-disable": flag("Disable OOM Killer"),
  "oom-score-adj": value("Tune host's OOM preferences (-1000 to 1000)", integer),
  pid: value('PID namespace to use ("host", "container:NAME")'),
  "pids-limit": value("Tune container pids limit (set -1 for unlimited)", integer),
  platform: value("Set platform if server is multi-platform capable"),
  privileged: flag("Give extended privileges to this container"),
  publish: list("Publish a container's port(s) to the host", { short: "p", parse: parsePublish }),
  "publish-all": flag("Publish all exposed ports to random ports", { short: "P" }),
  pull: value('Pull image before running ("always", "missing", "never") (default "missing")', {
    parse: parsePull,
  }),
  quiet: flag("Suppress the pull output", { short: "q" }),
  "read-only": flag("Mount the container's root filesystem as read only"),
  restart: value('Restart policy to apply when a container exits (default "no")', {
    parse: parseRestartPolicy,
  }),
  rm: flag("Automatically remove the container when it exits"),
  "security-opt": list("Security Options", { parse: (text) => resolveSecurityOpt(text, process.cwd()) }),
  "shm-size": value("Size of /dev/shm", bytes),
  "sig-proxy": flag("Proxy received signals to the process", { default: true }),
  "stop-signal": value("Signal to stop the container"),
  "stop-timeout": value("Timeout (in seconds) to stop a container", integer),
  sysctl: list("Sysctl options", { metavar: "map", parse: parseSysctl }),
  tmpfs: list("Mount a tmpfs directory", { parse: parseTmpfs }),
  tty: flag("Allocate a pseudo-TTY", { short: "t" }),
  ulimit: list("Ulimit options", { metavar: "ulimit", parse: parseUlimit }),
  user: value("Username or UID (format: <name|uid>[:<group|gid>])", { short: "u" }),
  userns: value('User namespace to use ("host", "remap", "auto[:size=N]", "keep-id")', {
    parse: parseUserns,
  }),
  uts: value('UTS namespace to use ("host")'),
  volume: list("Bind mount a volume", {
    short: "v",
    parse: (text) => parseVolume(text, process.cwd()),
  }),
  "volume-driver": value("Optional volume driver for the container"),
  "volumes-from": list("Mount volumes from the specified container(s)"),
  workdir: value("Working directory inside the container", { short: "w" }),

  "dns-opt": alias("dns-option"),
  net: alias("network"),
  "net-alias": alias("network-alias"),

  "cpu-count": refused(WINDOWS),
  "cpu-percent": refused(WINDOWS),
  "cpu-rt-period": refused("real-time scheduling of cgroups is gone from cgroup v2"),
  "cpu-rt-runtime": refused("real-time scheduling of cgroups is gone from cgroup v2"),
  "device-cgroup-rule": refused("name the devices with --device"),
  "disable-content-trust": refused("images are verified by their digests, always"),
  gpus: refused("CDI devices are not supported yet"),
  "io-maxbandwidth": refused(WINDOWS),
  "io-maxiops": refused(WINDOWS),
  "kernel-memory": refused(
    "the kernel has no such limit any more (gone from cgroup v2, and from v1 with Linux 5.16)",
  ),
  runtime: refused("there is one runtime, tsrun's own"),
  "storage-opt": refused("the overlay filesystem has no such options"),
  "use-api-socket": refused("there is no daemon and so no socket"),
};

const { detach: _detach, "detach-keys": _detachKeys, "sig-proxy": _sigProxy, ...others } = runFlags;

/** The flags of `create`: those of `run` that are not about its client. */
export const createFlags = others;
