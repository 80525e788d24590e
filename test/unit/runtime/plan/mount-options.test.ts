import { expect, test } from "vitest";
import { type MountOptions, parseMountOptions } from "../../../../src/runtime/plan/mount-options.ts";

const NOTHING: MountOptions = {
  flags: [],
  set: [],
  clear: [],
  propagation: null,
  propagationRecursive: false,
  recursive: false,
  bind: null,
  remount: false,
  idmap: null,
  copyUp: false,
  data: "",
};

test.each<[string, Partial<MountOptions>]>([
  ["", {}],
  ["defaults,async,nomand", {}],
  ["ro", { flags: ["MS_RDONLY"], set: ["MOUNT_ATTR_RDONLY"] }],
  ["ro,ro", { flags: ["MS_RDONLY"], set: ["MOUNT_ATTR_RDONLY"] }],
  ["ro,rw", { clear: ["MOUNT_ATTR_RDONLY"] }],
  ["rw,ro", { flags: ["MS_RDONLY"], set: ["MOUNT_ATTR_RDONLY"] }],
  ["rw", { clear: ["MOUNT_ATTR_RDONLY"] }],
  ["rro", { flags: ["MS_RDONLY"], set: ["MOUNT_ATTR_RDONLY"], recursive: true }],
  ["rnosuid", { flags: ["MS_NOSUID"], set: ["MOUNT_ATTR_NOSUID"], recursive: true }],
  ["noexec,exec", { clear: ["MOUNT_ATTR_NOEXEC"] }],
  ["noatime", { flags: ["MS_NOATIME"], set: ["MOUNT_ATTR_NOATIME"], clear: ["MOUNT_ATTR__ATIME"] }],
  ["noatime,relatime", { flags: ["MS_RELATIME"], clear: ["MOUNT_ATTR__ATIME"] }],
  [
    "strictatime",
    { flags: ["MS_STRICTATIME"], set: ["MOUNT_ATTR_STRICTATIME"], clear: ["MOUNT_ATTR__ATIME"] },
  ],
  ["sync,async,lazytime,nolazytime,silent,loud,mand,nomand,iversion,noiversion", {}],
  ["async,sync", { flags: ["MS_SYNCHRONOUS"] }],
  ["sync,dirsync", { flags: ["MS_SYNCHRONOUS", "MS_DIRSYNC"] }],
  ["bind", { bind: "bind" }],
  ["rbind,rprivate", { bind: "rbind", propagation: "MS_PRIVATE", propagationRecursive: true }],
  ["bind,slave", { bind: "bind", propagation: "MS_SLAVE" }],
  ["shared", { propagation: "MS_SHARED" }],
  ["runbindable", { propagation: "MS_UNBINDABLE", propagationRecursive: true }],
  ["size=64k,mode=1777", { data: "size=64k,mode=1777" }],
  [
    "nosuid,gid=5,newinstance",
    { flags: ["MS_NOSUID"], set: ["MOUNT_ATTR_NOSUID"], data: "gid=5,newinstance" },
  ],
])("%j", (options, expected) => {
  expect(parseMountOptions(options === "" ? [] : options.split(","))).toEqual({ ...NOTHING, ...expected });
});
