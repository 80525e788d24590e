/**
 * Platforms as containerd names and matches them: os/arch[/variant], normalised, and which others a host of one
 * platform also runs, best first.
 */
import { TsrunError } from "../errors.ts";

export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

const ALIASES: Readonly<Record<string, { architecture: string; variant?: string }>> = {
  x86_64: { architecture: "amd64" },
  "x86-64": { architecture: "amd64" },
  x64: { architecture: "amd64" },
  ia32: { architecture: "386" },
  i386: { architecture: "386" },
  aarch64: { architecture: "arm64" },
  armhf: { architecture: "arm", variant: "v7" },
  armel: { architecture: "arm", variant: "v6" },
  mipsel: { architecture: "mipsle" },
};

const KNOWN = new Set(
  ["386 amd64 arm arm64 loong64 mips mipsle mips64 mips64le", "ppc64 ppc64le riscv64 s390x wasm"]
    .join(" ")
    .split(" "),
);

/** Node's names of architectures (os.arch()) that differ from Go's and are no alias above. */
const NODE_ARCH: Readonly<Record<string, string>> = { ppc64: "ppc64le" };

/** What this process runs on: {os: "linux", architecture: "amd64"}. */
export function hostPlatform(arch: string = process.arch): Platform {
  return normalize({ os: "linux", architecture: NODE_ARCH[arch] ?? arch });
}

/**
 * Parses "linux/arm/v7", "linux/amd64", or an architecture or an operating system alone, as `--platform` takes them.
 *
 * @throws TsrunError ERR_TSRUN_PLATFORM_INVALID
 */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split("/");
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part)))
    throw invalid(text, "not os/arch[/variant]");
  const [first, second, third] = parts as [string, string?, string?];
  if (second !== undefined) {
    return normalize({ os: first, architecture: second, ...(third === undefined ? {} : { variant: third }) });
  }
  if (first === "linux") return hostPlatform();
  if (first in ALIASES || KNOWN.has(first)) return normalize({ os: "linux", architecture: first });
  throw invalid(text, "unknown operating system or architecture");
}

/** "linux/arm64", "linux/arm/v7". */
export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant].filter(Boolean).join("/");
}

/** arm64's only common variant (v8) is left out and arm's default (v7) is filled in, so that equal ones compare equal. */
export function normalize(platform: Platform): Platform {
  const os = platform.os.toLowerCase() === "macos" ? "darwin" : platform.os.toLowerCase();
  const arch = platform.architecture.toLowerCase();
  const alias = ALIASES[arch] ?? { architecture: arch };
  const { architecture } = alias;
  let variant = platform.variant?.toLowerCase() || alias.variant || "";
  if (/^\d/.test(variant)) variant = `v${variant}`;
  if (architecture === "arm" && variant === "") variant = "v7";
  if (architecture === "arm64" && variant === "v8") variant = "";
  if (architecture === "amd64" && variant === "v1") variant = "";
  return variant === "" ? { os, architecture } : { os, architecture, variant };
}

/** The platforms whose programs `platform` runs, best match first. */
export function runnable(platform: Platform): Platform[] {
  const { os, architecture, variant } = normalize(platform);
  const lower = (arch: string, from: number, to: number) => {
    const count = Math.max(from - to + 1, 0);
    return Array.from({ length: count }, (_, i) =>
      normalize({ os, architecture: arch, variant: `v${from - i}` }),
    );
  };
  const level = Number(variant?.slice(1) ?? "0");
  if (architecture === "amd64") return [...lower("amd64", level || 1, 1), { os, architecture: "386" }];
  if (architecture === "arm") return lower("arm", level, 5);
  if (architecture === "arm64") return [...lower("arm64", level || 8, 8), ...lower("arm", 8, 5)];
  return [normalize(platform)];
}

/** Index in `runnable(wanted)` of a platform, -1 where it does not run there; smaller is better. */
export function rank(wanted: Platform, candidate: Platform): number {
  const key = formatPlatform(normalize(candidate));
  return runnable(wanted).findIndex((platform) => formatPlatform(platform) === key);
}

function invalid(text: string, why: string): TsrunError {
  return new TsrunError("ERR_TSRUN_PLATFORM_INVALID", `invalid platform "${text}": ${why}`, {
    hint: "for example linux/amd64, linux/arm64 or linux/arm/v7",
  });
}
