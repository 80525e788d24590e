/** What the doctor says of one thing that containers need of a host. */
import type { HostView } from "./host-view.ts";

export interface Finding {
  /** "newuidmap". */
  subject: string;
  status: "ok" | "missing";
  /** What was seen, or what is not possible without it. */
  detail: string;
  /** The one command that adds it. */
  command?: string;
}

export const ok = (subject: string, detail: string): Finding => ({ subject, status: "ok", detail });

export const missing = (subject: string, detail: string, command: string): Finding => ({
  subject,
  status: "missing",
  detail,
  command,
});

const MANAGERS = [
  ["apt-get", "sudo apt-get install -y"],
  ["dnf", "sudo dnf install -y"],
  ["pacman", "sudo pacman -S --noconfirm"],
  ["zypper", "sudo zypper install -y"],
  ["apk", "sudo apk add"],
] as const;

/** What these are called where they are not called as in Debian. */
const NAMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  uidmap: { dnf: "shadow-utils", pacman: "shadow", zypper: "shadow", apk: "shadow-uidmap" },
  libnftables1: { dnf: "nftables", pacman: "nftables", apk: "nftables" },
  libseccomp2: { dnf: "libseccomp", pacman: "libseccomp", apk: "libseccomp" },
};

/** The command that installs a package, named as in Debian, with this host's package manager. */
export function install(host: HostView, name: string): string {
  const [manager, line] = MANAGERS.find(([program]) => host.program(program) !== undefined) ?? MANAGERS[0];
  return `${line} ${NAMES[name]?.[manager] ?? name}`;
}

/** The command that sets a sysctl now and after the next boot. */
export const setSysctl = (name: string, value: string): string =>
  `echo ${name}=${value} | sudo tee -a /etc/sysctl.d/60-tsrun.conf && sudo sysctl -w ${name}=${value}`;
