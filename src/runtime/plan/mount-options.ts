/** Mount options as the OCI specification and fstab(5) write them, sorted into what the kernel calls take. */

export interface MountOptions {
  /** MS_* names for mount(2). */
  flags: string[];
  /** MOUNT_ATTR_* names for mount_setattr(2). */
  set: string[];
  clear: string[];
  /** MS_PRIVATE, MS_SLAVE, MS_SHARED or MS_UNBINDABLE; null where nothing was said. */
  propagation: string | null;
  propagationRecursive: boolean;
  /** Attributes apply to the mounts below too ("rro" and its like). */
  recursive: boolean;
  bind: "bind" | "rbind" | null;
  /** What the filesystem itself understands: "mode=755,size=64k". */
  data: string;
}

interface Meaning {
  flag?: string;
  set?: string;
  clear?: string;
}

const ATTRIBUTES: Readonly<Record<string, Meaning>> = {
  ro: { flag: "MS_RDONLY", set: "MOUNT_ATTR_RDONLY" },
  rw: { clear: "MOUNT_ATTR_RDONLY" },
  nosuid: { flag: "MS_NOSUID", set: "MOUNT_ATTR_NOSUID" },
  suid: { clear: "MOUNT_ATTR_NOSUID" },
  nodev: { flag: "MS_NODEV", set: "MOUNT_ATTR_NODEV" },
  dev: { clear: "MOUNT_ATTR_NODEV" },
  noexec: { flag: "MS_NOEXEC", set: "MOUNT_ATTR_NOEXEC" },
  exec: { clear: "MOUNT_ATTR_NOEXEC" },
  noatime: { flag: "MS_NOATIME", set: "MOUNT_ATTR_NOATIME" },
  nodiratime: { flag: "MS_NODIRATIME", set: "MOUNT_ATTR_NODIRATIME" },
  strictatime: { flag: "MS_STRICTATIME", set: "MOUNT_ATTR_STRICTATIME" },
  nosymfollow: { flag: "MS_NOSYMFOLLOW", set: "MOUNT_ATTR_NOSYMFOLLOW" },
  relatime: { flag: "MS_RELATIME" },
  sync: { flag: "MS_SYNCHRONOUS" },
  dirsync: { flag: "MS_DIRSYNC" },
  async: {},
  atime: {},
  diratime: {},
  defaults: {},
};

const PROPAGATION: Readonly<Record<string, string>> = {
  private: "MS_PRIVATE",
  slave: "MS_SLAVE",
  shared: "MS_SHARED",
  unbindable: "MS_UNBINDABLE",
};

/** Sorts the options; what is no option of mounts in general goes to the filesystem as data. */
export function parseMountOptions(options: readonly string[]): MountOptions {
  const result: MountOptions = {
    flags: [],
    set: [],
    clear: [],
    propagation: null,
    propagationRecursive: false,
    recursive: false,
    bind: null,
    data: "",
  };
  const data: string[] = [];
  const attribute = (meaning: Meaning): void => {
    if (meaning.flag) result.flags.push(meaning.flag);
    if (meaning.set) result.set.push(meaning.set);
    if (meaning.clear) result.clear.push(meaning.clear);
  };
  for (const option of options) {
    const plain = ATTRIBUTES[option];
    const recursive = option.startsWith("r") ? ATTRIBUTES[option.slice(1)] : undefined;
    const propagation = PROPAGATION[option] ?? PROPAGATION[option.slice(1)];
    if (option === "bind" || option === "rbind") result.bind = option;
    else if (plain) attribute(plain);
    else if (propagation && (PROPAGATION[option] || option.startsWith("r"))) {
      result.propagation = propagation;
      result.propagationRecursive = !PROPAGATION[option];
    } else if (recursive) {
      attribute(recursive);
      result.recursive = true;
    } else data.push(option);
  }
  result.data = data.join(",");
  return result;
}
