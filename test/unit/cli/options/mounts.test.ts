import { describe, expect, it } from "vitest";
import { parseMount } from "../../../../src/cli/options/mount.ts";
import { parseVolume } from "../../../../src/cli/options/volume.ts";

describe("parseVolume", () => {
  const bind = { type: "bind", source: "/a", target: "/b", readOnly: false, sourceMustExist: false };

  it.each([
    ["/a:/b", bind],
    ["/a:/b:ro", { ...bind, readOnly: true }],
    ["/a:/b:rw,z", bind],
    ["/a:/b:ro,rshared,Z", { ...bind, readOnly: true, propagation: "rshared" }],
    ["/a:/b:cached", bind],
    ["./x:/b", { ...bind, source: "/work/x" }],
    ["../x:/b", { ...bind, source: "/x" }],
    [".:/b", { ...bind, source: "/work" }],
  ])("reads %s", (text, expected) => {
    expect(parseVolume(text, "/work")).toEqual(expected);
  });

  it.each([
    ["/a:/b:/c:/d", "too many colons"],
    [":/b", "empty section between colons"],
    ["", "empty section between colons"],
    ["/a:/b:foo", "invalid mode: foo"],
    ["/a:/b:ro,rw", "invalid mode: ro,rw"],
    ["/a:/b:nocopy", "invalid mode: nocopy"],
    ["/data", 'volumes are not supported yet: the anonymous volume "/data"'],
    ["data:/b", 'volumes are not supported yet: the named volume "data"'],
  ])("refuses %j", (text, message) => {
    expect(() => parseVolume(text, "/work")).toThrow(message);
  });
});

describe("parseMount", () => {
  it.each([
    [
      "type=bind,source=/a,target=/b",
      { type: "bind", source: "/a", target: "/b", readOnly: false, sourceMustExist: true },
    ],
    [
      "type=bind,src=./a,dst=/b,readonly,bind-propagation=rslave,bind-nonrecursive",
      {
        type: "bind",
        source: "/work/a",
        target: "/b",
        readOnly: true,
        sourceMustExist: true,
        propagation: "rslave",
        recursive: false,
      },
    ],
    [
      "type=bind,src=/a,destination=/b,ro=false,bind-recursive=enabled",
      { type: "bind", source: "/a", target: "/b", readOnly: false, sourceMustExist: true },
    ],
    ["type=tmpfs,dst=/t", { type: "tmpfs", target: "/t", options: [] }],
    [
      "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770,ro",
      { type: "tmpfs", target: "/t", options: ["ro", "size=1048576", "mode=1770"] },
    ],
  ])("reads %s", (text, expected) => {
    expect(parseMount(text, "/work")).toEqual(expected);
  });

  it.each([
    ["foo", "invalid field 'foo' must be a key=value pair"],
    ["type=bind,foo=1", "unexpected key 'foo' in 'foo=1'"],
    ["type=bind,src=/a", "target is required"],
    ["type=bind,dst=/b", "field Source must not be empty"],
    ["type=foo,dst=/b", 'mount type unknown: "foo"'],
    ["dst=/b", "mounts of type volume are not supported"],
    ["type=image,src=x,dst=/b", "mounts of type image are not supported"],
    ["type=tmpfs,src=/a,dst=/b", "field Source must not be specified"],
    ["type=tmpfs,dst=/b,bind-propagation=z", "cannot mix 'bind-*' options with mount type 'tmpfs'"],
    ["type=bind,src=/a,dst=/b,volume-nocopy", "cannot mix 'volume-*' options with mount type 'bind'"],
    ["type=bind,src=/a,dst=/b,tmpfs-size=z", "invalid value for tmpfs-size: z"],
    ["type=tmpfs,dst=/b,tmpfs-mode=9", "invalid value for tmpfs-mode: 9"],
    ["type=bind,src=/a,dst=/b,ro=z", "invalid value for ro: z"],
    ["type=bind,src=/a,dst=/b,bind-propagation=zz", "invalid propagation mode: zz"],
    ["type=bind,src=/a,dst=/b,bind-recursive=z", "invalid value for bind-recursive: z (must be"],
    ["type=bind,src=/a,dst=/b,bind-recursive=readonly", "requires 'readonly' to be specified"],
    ["type=bind,src=/a,dst=/b,ro,bind-recursive=readonly", "requires 'bind-propagation=rprivate'"],
    ["type=bind,src=/a,dst=/b,ro,bind-recursive=writable", "bind-recursive=writable is not supported"],
  ])("refuses %s", (text, message) => {
    expect(() => parseMount(text, "/work")).toThrow(message);
  });
});
