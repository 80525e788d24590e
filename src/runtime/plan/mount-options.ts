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
  /** What is mounted there already gets other options. */
  remount: boolean;
  /** Owners are mapped ("ridmap": those of the mounts below too). */
  idmap: "idmap" | "ridmap" | null;
  /** A tmpfs begins with a copy of what it covers. */
  copyUp: boolean;
  /** What the filesystem itself understands: "mode=755,size=64k". */
  data: string;
}

/** What an option turns on or off: MS_<name> of mount(2) and MOUNT_ATTR_<name> of mount_setattr(2). */
interface Meaning {
  name: string;
  on: boolean;
}

const on = (name: string): Meaning => ({ name, on: true });
const off = (name: string): Meaning => ({ name, on: false });

const ATTRIBUTES: Readonly<Record<string, Meaning>> = {
  ro: on("RDONLY"),
  rw: off("RDONLY"),
  nosuid: on("NOSUID"),
  suid: off("NOSUID"),
  nodev: on("NODEV"),
  dev: off("NODEV"),
  noexec: on("NOEXEC"),
  exec: off("NOEXEC"),
  nodiratime: on("NODIRATIME"),
  diratime: off("NODIRATIME"),
  nosymfollow: on("NOSYMFOLLOW"),
  symfollow: off("NOSYMFOLLOW"),
};

/** How access times are kept; the last word counts, and its absence or negation means relatime. */
const ACCESS_TIMES: Readonly<Record<string, string>> = {
  noatime: "NOATIME",
  strictatime: "STRICTATIME",
  relatime: "RELATIME",
  atime: "RELATIME",
  norelatime: "RELATIME",
  nostrictatime: "RELATIME",
};

/** Options of mount(2) alone, and a word that asks for what is so anyway. */
const FLAGS_ONLY: Readonly<Record<string, Meaning | null>> = {
  sync: on("SYNCHRONOUS"),
  async: off("SYNCHRONOUS"),
  dirsync: on("DIRSYNC"),
  mand: on("MANDLOCK"),
  nomand: off("MANDLOCK"),
  silent: on("SILENT"),
  loud: off("SILENT"),
  iversion: on("I_VERSION"),
  noiversion: off("I_VERSION"),
  lazytime: on("LAZYTIME"),
  nolazytime: off("LAZYTIME"),
  defaults: null,
};

const PROPAGATION: Readonly<Record<string, string>> = {
  private: "MS_PRIVATE",
  slave: "MS_SLAVE",
  shared: "MS_SHARED",
  unbindable: "MS_UNBINDABLE",
};

/** Sorts the options, of which a later one overrules an earlier; what none of mounts in general is, is data. */
export function parseMountOptions(options: readonly string[]): MountOptions {
  const attributes = new Map<string, boolean>();
  const flags = new Set<string>();
  const data: string[] = [];
  const result: Omit<MountOptions, "flags" | "set" | "clear" | "data"> = {
    propagation: null,
    propagationRecursive: false,
    recursive: false,
    bind: null,
    remount: false,
    idmap: null,
    copyUp: false,
  };
  let accessTime: string | undefined;

  /** Whether the word is an attribute; with an "r" before it, one for the mounts below too. */
  const attribute = (word: string): boolean => {
    const meaning = ATTRIBUTES[word];
    if (meaning) attributes.set(meaning.name, meaning.on);
    else if (ACCESS_TIMES[word]) accessTime = ACCESS_TIMES[word];
    return meaning !== undefined || ACCESS_TIMES[word] !== undefined;
  };
  for (const option of options) {
    const recursed = option.startsWith("r") ? option.slice(1) : "";
    const propagation = PROPAGATION[option] ?? PROPAGATION[recursed];
    const flag = FLAGS_ONLY[option];
    if (option === "bind" || option === "rbind") result.bind = option;
    else if (option === "idmap" || option === "ridmap") result.idmap = option;
    else if (option === "remount") result.remount = true;
    else if (option === "tmpcopyup") result.copyUp = true;
    else if (propagation !== undefined) {
      result.propagation = propagation;
      result.propagationRecursive = PROPAGATION[option] === undefined;
    } else if (flag !== undefined) {
      if (flag?.on) flags.add(`MS_${flag.name}`);
      else if (flag) flags.delete(`MS_${flag.name}`);
    } else if (attribute(option)) continue;
    else if (attribute(recursed)) result.recursive = true;
    else data.push(option);
  }

  const named = (value: boolean): string[] =>
    [...attributes].flatMap(([name, isOn]) => (isOn === value ? [name] : []));
  const times = accessTime === undefined ? [] : [accessTime];
  return {
    ...result,
    flags: [...[...named(true), ...times].map((name) => `MS_${name}`), ...flags],
    // RELATIME is 0 here: what is left when the whole field is cleared, which any change of it asks for.
    set: [...named(true), ...times.filter((name) => name !== "RELATIME")].map((name) => `MOUNT_ATTR_${name}`),
    clear: [...named(false), ...times.map(() => "_ATIME")].map((name) => `MOUNT_ATTR_${name}`),
    data: data.join(","),
  };
}

/** Whether the word is an attribute with the "r" that makes it one of the mounts below too. */
export function isRecursiveAttribute(option: string): boolean {
  const word = option.startsWith("r") ? option.slice(1) : "";
  const isPlain = ATTRIBUTES[option] !== undefined || ACCESS_TIMES[option] !== undefined;
  return !isPlain && (ATTRIBUTES[word] !== undefined || ACCESS_TIMES[word] !== undefined);
}

/** Every word that is understood, as `features` tells them. */
export function mountOptionNames(): string[] {
  const attributes = [...Object.keys(ATTRIBUTES), ...Object.keys(ACCESS_TIMES)];
  const propagation = Object.keys(PROPAGATION);
  return [
    ...attributes,
    ...attributes.map((name) => `r${name}`),
    ...propagation,
    ...propagation.map((name) => `r${name}`),
    ...Object.keys(FLAGS_ONLY),
    ...["bind", "rbind", "remount", "idmap", "ridmap", "tmpcopyup"],
  ].sort();
}
