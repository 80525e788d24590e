import { describe, expect, test } from "vitest";
import { resolveRlimits } from "../../../src/engine/rlimits.ts";
import { resolveSysctls } from "../../../src/engine/sysctls.ts";

describe("resolveRlimits", () => {
  test("what is asked wins over the defaults, by name", () => {
    const defaults = {
      nofile: { Name: "nofile", Soft: 1, Hard: 2 },
      core: { Name: "core", Soft: -1, Hard: -1 },
    };
    expect(resolveRlimits([{ name: "nofile", soft: 10, hard: 20 }], defaults)).toEqual([
      { type: "RLIMIT_CORE", soft: -1, hard: -1 },
      { type: "RLIMIT_NOFILE", soft: 10, hard: 20 },
    ]);
  });
  test.each([
    [{ name: "as", soft: 1, hard: 1 }, "invalid ulimit type: as"],
    [
      { name: "nofile", soft: 2, hard: 1 },
      "ulimit soft limit must be less than or equal to hard limit: 2 > 1",
    ],
    [
      { name: "nofile", soft: -1, hard: 1 },
      "ulimit soft limit must be less than or equal to hard limit: -1 > 1",
    ],
    [{ name: "nofile", soft: -2, hard: 1 }, "invalid value for ulimit nofile: -2"],
    [{ name: "nofile", soft: 0.5, hard: 1 }, "invalid value for ulimit nofile: 0.5"],
  ])("refuses %j", (asked, message) => {
    expect(() => resolveRlimits([asked], {})).toThrow(message);
  });
});

describe("resolveSysctls", () => {
  const defaults = {
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ping_group_range": "0 2147483647",
  };
  test("defaults with a network of its own, none with the host's", () => {
    expect(resolveSysctls({}, { ownNetwork: true })).toEqual(defaults);
    expect(resolveSysctls({}, { ownNetwork: false })).toEqual({});
  });
  test("what is asked wins; both separators name the same", () => {
    expect(
      resolveSysctls({ "net/ipv4/ping_group_range": "1 0", "kernel.shmmax": "1" }, { ownNetwork: true }),
    ).toEqual({
      ...defaults,
      "net.ipv4.ping_group_range": "1 0",
      "kernel.shmmax": "1",
    });
  });
  test.each(["kernel.msgmax", "kernel.sem", "kernel.shm_rmid_forced", "fs.mqueue.msg_max"])(
    "%s is the IPC namespace's, with any network",
    (name) => {
      expect(resolveSysctls({ [name]: "1" }, { ownNetwork: false })).toEqual({ [name]: "1" });
    },
  );
  test.each([
    "kernel.panic",
    "vm.swappiness",
    "kernel.shmfoo",
    "netfilter.x",
    "net.../x",
    "net.ipv4..x",
    "net.a/../b",
    "",
  ])("refuses %s", (name) => {
    expect(() => resolveSysctls({ [name]: "1" }, { ownNetwork: true })).toThrow(
      `sysctl '${name}' is not allowed`,
    );
  });
  test("an interface's name may hold dots", () => {
    const asked = { "net/ipv4/conf/eth0.1/rp_filter": "1", "net.ipv4.conf.eth1/2.rp_filter": "2" };
    expect(resolveSysctls(asked, { ownNetwork: true })).toMatchObject({
      "net.ipv4.conf.eth0/1.rp_filter": "1",
      "net.ipv4.conf.eth1/2.rp_filter": "2",
    });
  });
  test("net.* would be the host's with its network", () => {
    expect(() => resolveSysctls({ "net.core.somaxconn": "1" }, { ownNetwork: false })).toThrow(
      "sysctl 'net.core.somaxconn' not allowed in host network namespace",
    );
  });
});
