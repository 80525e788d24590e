import { describe, expect, test } from "vitest";
import { resolveUser } from "../../../src/engine/user.ts";

const files = {
  passwd: [
    "root:x:0:0:root:/root:/bin/sh",
    "# nobody here",
    "",
    "broken:x:notanumber:0::/:",
    "app:x:1000:1001:An App:/home/app:/bin/sh",
    "twin:x:1000:7::/twin:/bin/sh",
    "42:x:43:44::/odd:/bin/sh",
    "homeless:x:5:5:::",
  ].join("\n"),
  group: "root:x:0:root\napp:x:1001:\nwheel:x:10:root,app\naudio:x:11:app\n99:x:98:\n",
};

describe("resolveUser", () => {
  test("nothing asked: root, with its groups", () => {
    expect(resolveUser("", files)).toEqual({ uid: 0, gid: 0, additionalGids: [0, 10], home: "/root" });
  });
  test("by name: gid, home and memberships", () => {
    expect(resolveUser("app", files)).toEqual({
      uid: 1000,
      gid: 1001,
      additionalGids: [1001, 10, 11],
      home: "/home/app",
    });
  });
  test("by number: the first entry that has it counts", () => {
    expect(resolveUser("1000", files)).toEqual(resolveUser("app", files));
  });
  test("a number without entry: group 0, home /", () => {
    expect(resolveUser("4242", files)).toEqual({ uid: 4242, gid: 0, additionalGids: [0], home: "/" });
  });
  test("a number is an id even where an account is called so", () => {
    expect(resolveUser("42", files)).toMatchObject({ uid: 42, gid: 0 });
    expect(resolveUser("0:99", files)).toMatchObject({ gid: 99 });
  });
  test("an explicit group takes the place of memberships", () => {
    expect(resolveUser("app:wheel", files)).toMatchObject({ uid: 1000, gid: 10, additionalGids: [10] });
    expect(resolveUser("app:777", files)).toMatchObject({ gid: 777, additionalGids: [777] });
    expect(resolveUser(":audio", files)).toMatchObject({ uid: 0, gid: 11, additionalGids: [11] });
    expect(resolveUser("app:", files)).toEqual(resolveUser("app", files));
  });
  test("--group-add by name and number, each once", () => {
    expect(resolveUser("app", files, ["audio", "500", "root"]).additionalGids).toEqual([
      1001, 10, 11, 500, 0,
    ]);
  });
  test("an image without the files has numbers only", () => {
    const none = { passwd: undefined, group: undefined };
    expect(resolveUser("", none)).toEqual({ uid: 0, gid: 0, additionalGids: [0], home: "/" });
    expect(resolveUser("5:6", none, ["7"])).toEqual({ uid: 5, gid: 6, additionalGids: [6, 7], home: "/" });
  });
  test("an empty home is /", () => {
    expect(resolveUser("homeless", files).home).toBe("/");
  });

  test.each([
    ["nope", "ERR_TSRUN_USER_NOT_FOUND", "unable to find user nope: no matching entries in passwd file"],
    ["broken", "ERR_TSRUN_USER_NOT_FOUND", "unable to find user broken: no matching entries in passwd file"],
    ["app:nope", "ERR_TSRUN_GROUP_NOT_FOUND", "unable to find group nope: no matching entries in group file"],
    ["2147483648", "ERR_TSRUN_USER_INVALID", "2147483648: uids and gids must be in range 0-2147483647"],
    ["-1", "ERR_TSRUN_USER_INVALID", "-1: uids and gids must be in range 0-2147483647"],
    ["0:-1", "ERR_TSRUN_USER_INVALID", "-1: uids and gids must be in range 0-2147483647"],
  ])("refuses %s", (spec, code, message) => {
    expect(() => resolveUser(spec, files)).toThrow(expect.objectContaining({ code, message }));
  });
  test("refuses an unknown --group-add", () => {
    expect(() => resolveUser("", files, ["nope"])).toThrow("unable to find group nope");
  });
});
