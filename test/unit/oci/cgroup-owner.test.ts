import { describe, expect, test } from "vitest";
import { cgroupOwner } from "../../../src/oci/cgroup-owner.ts";
import type { OciConfig } from "../../../src/runtime/oci.ts";

const WRITABLE = { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup" };

function owner({ uid = 0, types = ["cgroup"], mount = WRITABLE as object, linux = {} }): number | undefined {
  return cgroupOwner({
    ociVersion: "1.2.0",
    root: { path: "rootfs" },
    process: { cwd: "/", args: ["x"], user: { uid, gid: 0 } },
    mounts: [mount],
    linux: { namespaces: types.map((type) => ({ type })), ...linux },
  } as unknown as OciConfig);
}

describe("the cgroup of a container that may write to it is its process's", () => {
  test("by the id that the user namespace gives it on the host", () => {
    const types = ["cgroup", "user"];
    const linux = {
      uidMappings: [0, 1000].map((id) => ({ containerID: id, hostID: 100_000 + id, size: 10 })),
    };
    expect(owner({ types, linux })).toBe(100_000);
    expect(owner({ types, linux, uid: 1003 })).toBe(101_003);
    expect(owner({ types, linux, uid: 10 })).toBeUndefined();
  });

  test("by its own id where there is none", () => expect(owner({ uid: 7 })).toBe(7));
});

test("it stays the runtime's where it is read-only, or the host's can be seen", () => {
  expect(owner({ mount: { ...WRITABLE, options: ["nosuid", "ro"] } })).toBeUndefined();
  expect(owner({ mount: { ...WRITABLE, destination: "/cgroup" } })).toBeUndefined();
  expect(owner({ types: [] })).toBeUndefined();
});
