/** os/arch[/variant], as containerd's package platforms reads it. */

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
}

const SYSTEMS = new Set(
  "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos".split(
    " ",
  ),
);
const ARCHITECTURES = new Set(
  "386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm".split(
    " ",
  ),
);

const ALIASES: Readonly<Record<string, readonly [string, string?]>> = {
  i386: ["386"],
  x86_64: ["amd64"],
  "x86-64": ["amd64"],
  aarch64: ["arm64"],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
};

/** A platform with its common names; undefined for what is none. `host` is what one name alone leaves open. */
export function parsePlatform(text: string, host: Platform): Platform | undefined {
  const parts = text.split("/");
  const [first = "", second, third = ""] = parts;
  if (parts.length > 3 || !parts.every((part) => /^[\w.-]+(\([\w.+-]*\))?$/.test(part))) return undefined;
  const os = first.replace(/\(.*/, "").toLowerCase();
  if (second !== undefined) return withArchitecture(os === "macos" ? "darwin" : os, second, third);
  if (SYSTEMS.has(os)) return { ...host, os };
  const alone = withArchitecture(host.os, first, "");
  return ARCHITECTURES.has(alone.architecture) ? alone : undefined;
}

function withArchitecture(os: string, name: string, given: string): Platform {
  const lower = name.toLowerCase();
  const [architecture, implied = ""] = (Object.hasOwn(ALIASES, lower) ? ALIASES[lower] : undefined) ?? [
    lower,
  ];
  const variant = given === "" ? implied : given.toLowerCase();
  // What every processor of that name has is no variant.
  const usual =
    (architecture === "arm64" && /^v?8$/.test(variant)) || (architecture === "amd64" && variant === "v1");
  return { os, architecture, variant: usual ? "" : variant };
}
