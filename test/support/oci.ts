/** Runs bin/tsrun-oci as an engine would, on bundles whose root is busybox. */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRootless } from "../../src/kernel/rootless.ts";
import { REPOSITORY } from "./cli.ts";

export const TSRUN_OCI = join(REPOSITORY, "bin", "tsrun-oci");
const TIMEOUT_MS = 30_000;

// biome-ignore lint/suspicious/noExplicitAny: a configuration is what the test makes of it
export type Config = any;

export interface Oci {
  directory: string;
  root: string;
  /** Makes a bundle and returns its directory. */
  bundle(name: string, change?: (config: Config) => void): string;
  /** A command whose standard streams are files, as an engine gives it: what it leaves running holds up nobody. */
  oci(...words: string[]): OciResult;
  /** `state` as a value. */
  state(id: string): { status: string; pid: number; [name: string]: unknown };
  close(): void;
}

export interface OciResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

const APPLETS = [
  "sh",
  "cat",
  "echo",
  "id",
  "ls",
  "ps",
  "sleep",
  "true",
  "false",
  "kill",
  "env",
  "pwd",
  "tty",
  "stty",
  "touch",
];

export function createOci(): Oci {
  const directory = mkdtempSync(join(tmpdir(), "tsrun-oci-"));
  const root = join(directory, "state");
  const output = (name: string): string => join(directory, name);
  let calls = 0;
  const oci: Oci = {
    directory,
    root,
    bundle(name, change = () => {}) {
      const bundle = join(directory, name);
      makeRoot(join(bundle, "rootfs"));
      const config = defaultConfig();
      change(config);
      writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
      return bundle;
    },
    oci(...words) {
      calls += 1;
      const files = [output(`out.${calls}`), output(`err.${calls}`)] as const;
      // The shell's redirections, so that the files are the container's own streams.
      const { status, error } = spawnSync(
        "/bin/sh",
        [
          "-c",
          'out=$1 err=$2; shift 2; exec "$@" >"$out" 2>"$err" </dev/null',
          "sh",
          ...files,
          TSRUN_OCI,
          "--root",
          root,
          ...words,
        ],
        { stdio: "ignore", timeout: TIMEOUT_MS, cwd: directory },
      );
      if (error) throw error;
      return { code: status, stdout: readFileSync(files[0], "utf8"), stderr: readFileSync(files[1], "utf8") };
    },
    state: (id) => JSON.parse(oci.oci("state", id).stdout),
    close() {
      for (const id of oci.oci("list", "-q").stdout.split("\n").filter(Boolean)) oci.oci("delete", "-f", id);
      rmSync(directory, { recursive: true, force: true });
    },
  };
  mkdirSync(root);
  return oci;
}

function makeRoot(rootfs: string): void {
  for (const path of ["bin", "proc", "sys", "dev", "tmp"]) mkdirSync(join(rootfs, path), { recursive: true });
  copyFileSync("/bin/busybox", join(rootfs, "bin", "busybox"));
  for (const applet of APPLETS) symlinkSync("busybox", join(rootfs, "bin", applet));
}

const CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

function defaultConfig(): Config {
  return {
    ociVersion: "1.2.0",
    root: { path: "rootfs" },
    hostname: "oci",
    process: {
      args: ["sleep", "60"],
      cwd: "/",
      env: ["PATH=/bin", "TERM=xterm"],
      user: { uid: 0, gid: 0 },
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      noNewPrivileges: true,
    },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
      {
        destination: "/dev/pts",
        type: "devpts",
        source: "devpts",
        options: ["newinstance", "ptmxmode=0666", "mode=0620"],
      },
    ],
    linux: {
      // To name one is to need it, and nobody has given an ordinary user any.
      ...(!isRootless() && {
        cgroupsPath: `/tsrun-oci-test-${process.pid}-${Math.random().toString(36).slice(2)}`,
      }),
      namespaces: ["pid", "ipc", "uts", "mount", "network"].map((type) => ({ type })),
    },
  };
}
