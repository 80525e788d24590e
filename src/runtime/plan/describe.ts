/** A step in words, for errors: "mounting proc on /proc". */
import type { StepAction } from "./plan.ts";

export function describeStep(step: StepAction): string {
  switch (step.op) {
    case "clone":
      return step.flags.length > 0
        ? `cloning into new namespaces (${step.flags.join(", ")})`
        : "cloning a process";
    case "fork":
      return "forking a process for what is to be done before the clone";
    case "setns":
      return `joining namespaces (${step.flags.join(", ")})`;
    case "unshare":
      return `making a new namespace (${step.flags.join(", ")})`;
    case "wait":
      return step.name === undefined ? "waiting for the launcher" : `waiting at ${step.name}`;
    case "writeFile":
      return `writing ${JSON.stringify(step.data)} to ${step.path}`;
    case "mount":
      if (step.flags.includes("MS_REMOUNT")) return `remounting ${step.target} with other options`;
      return step.fstype === null
        ? `making ${step.target} private`
        : `mounting ${step.fstype} on ${step.target}`;
    case "mountOverlay":
      return `mounting an overlay of ${step.lower.length} layers on ${step.target}`;
    case "openTree":
      return `opening the mount source ${step.within === undefined ? step.path : `${step.within}/${step.path}`}`;
    case "idmap":
      return `mapping the owners of ${step.slot.replace(/^bind:/, "the mount for ")}`;
    case "moveMount":
      return `attaching ${step.slot.replace(/^bind:|^readonly:/, "the mount for ")} at ${step.target}`;
    case "mountSetattr":
      return `setting attributes of the mount ${step.target}`;
    case "treeSetattr":
      return `setting attributes of ${step.slot.replace(/^bind:/, "the mount for ")}`;
    case "mountTmpfs":
      return `mounting tmpfs on ${step.target}`;
    case "moveRoot":
      return "moving the root filesystem over the root";
    case "chroot":
      return `making ${step.path === "." ? "the working directory" : step.path} the root`;
    case "openPath":
      return `opening the directory ${step.path}`;
    case "fchdir":
      return `changing to the directory of ${step.slot}`;
    case "parentPropagation":
      return `setting the propagation of the mount that ${step.path} is on`;
    case "close":
      return `closing ${step.slot}`;
    case "reopenNull":
      return "reopening /dev/null";
    case "ensureDirectory":
      return `making the directory ${step.path}, by way of no link`;
    case "timeNamespace":
      return "making a new time namespace";
    case "personality":
      return `setting the personality ${step.domain}`;
    case "ioPriority":
      return `setting the I/O priority ${step.class} ${step.priority}`;
    case "scheduler":
      return `setting the scheduling policy ${step.policy}`;
    case "cpuAffinity":
      return `allowing CPUs ${step.cpus ?? "of any number"}`;
    case "memoryPolicy":
      return `setting the memory policy ${step.mode}`;
    case "sessionKeyring":
      return "joining a new session keyring";
    case "findProgram":
      return `looking for ${step.candidates.at(-1)?.split("/").at(-1) ?? "the program"}`;
    case "pivotRoot":
      return "making the root filesystem the root";
    case "umount":
      return "detaching the host's tree";
    case "chdir":
      return `changing to the directory ${step.path}`;
    case "mountPoint":
      return `making a place to mount on at ${step.path}`;
    case "mkdir":
      return `making the directory ${step.path}`;
    case "touch":
      return `making the file ${step.path}`;
    case "mknod":
      return `making the device ${step.path}`;
    case "chown":
      return `giving ${step.path} to ${step.uid}:${step.gid}`;
    case "symlink":
      return `linking ${step.path} to ${step.target}`;
    case "mask":
      return `masking ${step.path}`;
    case "sethostname":
      return `setting the hostname ${step.name}`;
    case "setdomainname":
      return `setting the domain name ${step.name}`;
    case "linkUp":
      return `bringing up ${step.link}`;
    case "openPty":
      return "opening a terminal";
    case "bindConsole":
      return `mounting the terminal on ${step.path}`;
    case "setsid":
      return "starting a session";
    case "setControllingTerminal":
      return "taking the terminal as controlling terminal";
    case "dup2":
      return `connecting ${step.fd}`;
    case "chownStdio":
      return `giving the standard streams to user ${step.uid}`;
    case "chownStream":
      return `giving ${step.slot} to user ${step.uid}`;
    case "setFsIds":
      return `making files as ${step.uid}:${step.gid}`;
    case "setrlimit":
      return `setting ${step.resource} to ${step.soft}:${step.hard}`;
    case "umask":
      return `setting the umask ${step.mask.toString(8)}`;
    case "prctl":
      return `prctl ${step.option}`;
    case "capBoundingSet":
      return "limiting the capability bounding set";
    case "capset":
      return "setting capabilities";
    case "capAmbient":
      return "raising ambient capabilities";
    case "setgroups":
      return "setting supplementary groups";
    case "setresgid":
      return `becoming group ${step.gid}`;
    case "setresuid":
      return `becoming user ${step.uid}`;
    case "seccomp":
      return "installing the seccomp filter";
    case "closeRange":
      return "closing descriptors";
    case "execve":
      return `executing ${step.argv[0] ?? ""}`;
  }
}
