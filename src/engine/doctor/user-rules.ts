/** What the containers of an ordinary user need besides: user_namespaces(7), subuid(5), cgroups(7). */
import { delegatedCgroup } from "../../runtime/cgroup/delegated.ts";
import { type Finding, install, missing, ok, setSysctl } from "./finding.ts";
import type { HostView } from "./host-view.ts";

/** undefined where there is nothing to say on this host. */
type Rule = (host: HostView) => Finding | undefined;

/** Images have files of users up to nobody, 65534. */
const IDS = 65_536;
const SETUID = 0o4000;

const mapper =
  (name: string): Rule =>
  (host) => {
    const found = host.program(name);
    const detail = "makes user namespaces with more than one user";
    if (found === undefined)
      return missing(name, "ordinary users' containers need it", install(host, "uidmap"));
    if ((found.mode & SETUID) !== 0 || host.rootless) return ok(name, detail);
    // Fedora gives it file capabilities in the place of the bit; they are not to be seen without a library.
    if (host.program("dnf") !== undefined) return ok(name, detail);
    return missing(name, `${found.path} is not setuid root`, `sudo chmod u+s ${found.path}`);
  };

const ids =
  (file: string, flag: string): Rule =>
  (host) => {
    const { name, uid } = host.user;
    const lines = (host.read(file) ?? "").split("\n").map((line) => line.split(":"));
    const count = lines
      .filter(([owner]) => owner === name || owner === String(uid))
      .reduce((sum, [, , size]) => sum + Number(size), 0);
    if (count >= IDS - 1) return ok(file, `${count} ids for ${name}'s containers`);
    const [first, last] = freeRange(lines);
    return missing(
      file,
      `${count === 0 ? "no" : `only ${count}`} ids for ${name}'s containers, which need ${IDS}`,
      `sudo usermod --add-${flag} ${first}-${last} ${name}`,
    );
  };

/** Behind all that were given to anybody: two users' containers share no id. */
function freeRange(lines: readonly string[][]): [number, number] {
  const ends = lines.map(([, first, count]) => Number(first) + Number(count)).filter(Number.isFinite);
  const first = Math.max(100_000, ...ends);
  return [first, first + IDS - 1];
}

const sysctl =
  (name: string, { wanted, isRight }: { wanted: string; isRight: (value: number) => boolean }): Rule =>
  (host) => {
    const value = host.read(`/proc/sys/${name.replaceAll(".", "/")}`)?.trim();
    if (value === undefined) return undefined; // not of this kernel: nothing is in the way
    if (isRight(Number(value))) return ok(name, value);
    return missing(name, `${value} keeps ordinary users from user namespaces`, setSysctl(name, wanted));
  };

const outside: Rule = (host) => {
  const found = ["pasta", "slirp4netns"].filter((name) => host.program(name) !== undefined);
  if (found.length > 0) return ok("network", `${found.join(" and ")} lead out`);
  return missing("network", "containers reach each other, but nothing outside", install(host, "passt"));
};

const tun: Rule = (host) =>
  host.exists("/dev/net/tun")
    ? ok("/dev/net/tun", "carries packets out")
    : missing("/dev/net/tun", "containers reach nothing outside", "sudo modprobe tun");

const runtimeDirectory: Rule = (host) => {
  const path = `/run/user/${host.user.uid}`;
  if (host.exists(path)) return ok(path, "holds runtime files, as long as its user is logged in or lingers");
  return missing(
    path,
    `runtime files are in /tmp/tsrun-run-${host.user.uid}, and containers may end at logout`,
    `sudo loginctl enable-linger ${host.user.name}`,
  );
};

const DELEGATED = ["cpu", "cpuset", "io", "memory", "pids"];
const DROP_IN = "/etc/systemd/system/user@.service.d/tsrun.conf";

const delegation: Rule = (host) => {
  const subject = "cgroup delegation";
  if (host.read("/sys/fs/cgroup/cgroup.controllers") === undefined) {
    return missing(
      subject,
      "limits and pause need cgroup v2: containers run without",
      "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line",
    );
  }
  // Of another user only what systemd would delegate to them could be told.
  if (!isCaller(host)) return undefined;
  const path = delegatedCgroup("/sys/fs/cgroup");
  if (path === undefined) {
    return missing(
      subject,
      "limits and pause are refused: this command runs in a cgroup that is not yours",
      "systemd-run --user --scope -p Delegate=yes -- tsrun …",
    );
  }
  const available = (host.read(`/sys/fs/cgroup${path}/cgroup.controllers`) ?? "").split(/\s+/);
  const lacking = DELEGATED.filter((name) => !available.includes(name));
  if (lacking.length === 0) return ok(subject, `${DELEGATED.join(", ")} below ${path}`);
  return missing(
    subject,
    `limits of ${lacking.join(", ")} are refused`,
    `printf '[Service]\\nDelegate=${DELEGATED.join(" ")}\\n' | sudo install -D /dev/stdin ${DROP_IN} && sudo systemctl daemon-reload`,
  );
};

const lowPorts: Rule = (host) => {
  const first = host.read("/proc/sys/net/ipv4/ip_unprivileged_port_start")?.trim() ?? "1024";
  return ok("published ports", first === "0" ? "any" : `from ${first} on`);
};

/** All of the above come together here; the launcher has said why they do not. */
const namespaces: Rule = (host) => {
  if (!isCaller(host) || host.user.uid === 0) return undefined;
  if (host.rootless) return ok("namespaces", "this command runs in them");
  const [reason = "", hint = ""] = (host.env["TSRUN_ROOTLESS_ERROR"] ?? "").split("\n");
  return missing(
    "namespaces",
    reason || "this program was not started by bin/tsrun",
    hint || "bin/tsrun doctor",
  );
};

/** Whether it is the user of this very process. */
const isCaller = ({ rootless, user, env }: HostView): boolean =>
  rootless || env["TSRUN_ROOTLESS_ERROR"] !== undefined || user.uid === process.geteuid?.();

export const userRules: readonly Rule[] = [
  mapper("newuidmap"),
  mapper("newgidmap"),
  ids("/etc/subuid", "subuids"),
  ids("/etc/subgid", "subgids"),
  sysctl("user.max_user_namespaces", { wanted: "65536", isRight: (value) => value > 0 }),
  sysctl("kernel.unprivileged_userns_clone", { wanted: "1", isRight: (value) => value === 1 }),
  sysctl("kernel.apparmor_restrict_unprivileged_userns", { wanted: "0", isRight: (value) => value === 0 }),
  namespaces,
  outside,
  tun,
  runtimeDirectory,
  delegation,
  lowPorts,
];
