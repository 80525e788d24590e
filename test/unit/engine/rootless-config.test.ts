/** What an ordinary user's configuration says in another way. */
import { expect, test } from "vitest";
import { rootlessConfig } from "../../../src/engine/rootless-config.ts";
import { typicalConfig, typicalProcess } from "../runtime/plan/typical.ts";

const config = typicalConfig();

test("devices are bound from the host, and the cgroup has no rules about them", () => {
  const { mounts, linux } = rootlessConfig(
    { ...config, linux: { ...config.linux, resources: { devices: [{ allow: false }], pids: { limit: 9 } } } },
    { hostNetwork: false },
  );
  expect(linux.devices).toEqual([]);
  expect(linux.resources).toEqual({ pids: { limit: 9 } });
  expect(mounts.at(-1)).toEqual({
    destination: "/dev/null",
    type: "bind",
    source: "/dev/null",
    options: ["bind", "rprivate", "nosuid", "noexec"],
    tsrun: { isDirectory: false },
  });
});

test("sysfs is the host's where the network is", () => {
  const sys = (hostNetwork: boolean) =>
    rootlessConfig(config, { hostNetwork }).mounts.find(({ destination }) => destination === "/sys");
  expect(sys(false)).toMatchObject({ type: "sysfs" });
  expect(sys(true)).toMatchObject({
    type: "bind",
    source: "/sys",
    options: ["rbind", "rprivate", "nosuid", "rro"],
  });
});

test("a range of groups ends with the last that there is", () => {
  const name = "net.ipv4.ping_group_range";
  const ask = (value: string) =>
    rootlessConfig(
      { ...config, linux: { ...config.linux, sysctl: { [name]: value } } },
      { hostNetwork: false },
    ).linux.sysctl?.[name];
  // Of these tests, who have all ids, the last is that of the whole host.
  expect(ask("0 2147483647")).toBe("0 2147483647");
  expect(ask("5 99999999999")).toBe("5 4294967294");
});

test("an id that is not there is refused by its number", () => {
  const process = typicalProcess({ user: { uid: 1, gid: 1, additionalGids: [99_999_999_999] } });
  expect(() => rootlessConfig({ ...config, process }, { hostNetwork: false })).toThrow(
    expect.objectContaining({
      code: "ERR_TSRUN_ID_UNMAPPED",
      message: expect.stringContaining("99999999999"),
    }),
  );
});
