import { describe, expect, it } from "vitest";
import { parseMount } from "../../../../src/cli/options/mount.ts";
import { parseVolume } from "../../../../src/cli/options/volume.ts";

describe("parseVolume", () => {
  const bind = { type: "bind", source: "/a", target: "/b", readOnly: false, sourceMustExist: false };
  const volume = { type: "volume", name: "data", target: "/b", readOnly: false, short: true };

  it.each([
    ["/a:/b", bind],
    ["/a:/b:ro", { ...bind, readOnly: true }],
    ["/a:/b:rw,z", bind],
    ["/a:/b:ro,rshared,Z", { ...bind, readOnly: true, propagation: "rshared" }],
    ["/a:/b:cached", bind],
    ["./x:/b", { ...bind, source: "/work/x" }],
    ["../x:/b", { ...bind, source: "/x" }],
    [".:/b", { ...bind, source: "/work" }],
    ["/a:/b:U,ro", { ...bind, readOnly: true, mapOwner: true }],
    ["data:/b", volume],
    ["data:/b:ro,z", { ...volume, readOnly: true }],
    ["data:/b:nocopy,U", { ...volume, noCopy: true, mapOwner: true }],
    ["/b", { ...volume, name: "" }],
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
    ["data:/b:rshared", "invalid mode: rshared"],
    ["data:/b:nocopy,nocopy", "invalid mode: nocopy,nocopy"],
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
    [
      "type=bind,src=/a,dst=/b,ro,bind-recursive=writable,U",
      {
        type: "bind",
        source: "/a",
        target: "/b",
        readOnly: true,
        sourceMustExist: true,
        readOnlyRecursive: false,
        mapOwner: true,
      },
    ],
    ["dst=/b", { type: "volume", name: "", target: "/b", readOnly: false }],
    [
      "src=data,dst=/b,volume-nocopy,volume-subpath=a/b,consistency=cached",
      { type: "volume", name: "data", target: "/b", readOnly: false, noCopy: true, subpath: "a/b" },
    ],
    [
      'type=volume,source=data,dst=/b,readonly,volume-driver=local,volume-opt=type=nfs,"volume-opt=o=addr=::1,rw",volume-label=x=1,volume-label=y',
      {
        type: "volume",
        name: "data",
        target: "/b",
        readOnly: true,
        driver: "local",
        driverOptions: { type: "nfs", o: "addr=::1,rw" },
        labels: { x: "1", y: "" },
      },
    ],
    [
      "type=image,src=x,dst=/b,image-subpath=etc",
      { type: "image", source: "x", target: "/b", subpath: "etc" },
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
    ["type=image,dst=/b", "field Source must not be empty"],
    ["type=cluster,src=x,dst=/b", "mounts of type cluster are not supported"],
    ["type=tmpfs,dst=/b,U", "option 'U' is for mounts of type bind and volume, not tmpfs"],
    ["type=image,src=x,dst=/b,volume-subpath=y", "cannot mix 'volume-*' options with mount type 'image'"],
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
    ["type=bind,src=/a,dst=/b,bind-recursive=writable", "requires 'readonly' to be specified"],
  ])("refuses %s", (text, message) => {
    expect(() => parseMount(text, "/work")).toThrow(message);
  });
});
