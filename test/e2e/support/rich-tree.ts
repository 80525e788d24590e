/** A directory tree with everything that a copy can lose, and what is to be compared of such a tree. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRootless } from "../../../src/kernel/rootless.ts";

/** An ordinary user can make none. */
const DEVICE = isRootless() ? "" : "mknod tree/device c 1 3";

const SCRIPT = `
mkdir -p tree/sub/deep tree/empty tree/sticky
echo one > tree/one
ln tree/one tree/sub/hardlink
ln -s ../one tree/sub/symlink
ln -s /etc/passwd tree/absolute
ln -s nowhere tree/dangling
mkfifo tree/fifo
${DEVICE}
printf 'name with newline' > "tree/new
line"
cp /bin/true tree/setuid && chmod 4755 tree/setuid
cp /bin/true tree/capable
python3 -c 'import os; os.setxattr("tree/one", "user.note", b"kept"); os.setxattr("tree/sub", "user.note", b"of a directory")'
truncate -s 4M tree/sparse && printf end >> tree/sparse
chmod 1777 tree/sticky && chmod 2750 tree/sub && chmod 000 tree/sub/deep && chmod 0640 tree
chown -R 1000:1000 tree/sub && chown 12345:54321 tree/one tree && chown -h 7:8 tree/dangling
setcap cap_net_raw+ep tree/capable
touch -h -d '2001-02-03 04:05:06.123456789' tree/dangling tree/one tree/fifo
touch -d '1969-12-31 00:00:00.5' tree/empty
touch -d '2010-10-10 10:10:10.101010101' tree/sub tree
`;

const ATTRIBUTES = ["--xattrs", "--xattrs-include=*"];

/** A gzipped layer with the tree at `path`. */
export function richLayer(path: string): Buffer {
  const directory = mkdtempSync(join(tmpdir(), "tsrun-tree-"));
  try {
    mkdirSync(join(directory, path, ".."), { recursive: true });
    execFileSync("/bin/bash", ["-euc", SCRIPT], { cwd: directory });
    execFileSync("mv", [join(directory, "tree"), join(directory, path)]);
    const options = ["--format=pax", ...ATTRIBUTES, "--numeric-owner", "-I", "gzip -1"];
    return execFileSync("tar", ["-C", directory, ...options, "-c", path.split("/")[0] as string], {
      maxBuffer: 2 ** 28,
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Names, kinds, modes, owners, sizes, times, links, attributes and contents, its own included: equal for equal trees. */
export function fingerprint(directory: string): string[] {
  const script = `
find . -printf '%p %y %m %U:%G %s %T@ %l %n\\n' | sed 's/^\\(\\S* d [^ ]* [^ ]* \\)[0-9]* /\\1/' | LC_ALL=C sort
find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
find . -type f -print0 | LC_ALL=C sort -z | xargs -0 getcap
python3 - <<'END' | LC_ALL=C sort
import os
for directory, _, files in os.walk("."):
    for path in [directory] + [os.path.join(directory, name) for name in files]:
        if not os.path.islink(path):
            print(path, [(name, os.getxattr(path, name)) for name in sorted(os.listxattr(path))])
END
find . -samefile one | LC_ALL=C sort
`;
  return execFileSync("/bin/bash", ["-euc", script], { cwd: directory, encoding: "utf8" }).split("\n");
}
