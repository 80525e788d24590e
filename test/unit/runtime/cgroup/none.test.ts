/** Containers without a cgroup: they run, and what needs one is refused by name. */
import { expect, test } from "vitest";
import { createNoDriver } from "../../../../src/runtime/cgroup/none.ts";

const driver = createNoDriver(2);
const refused = expect.objectContaining({ code: "ERR_TSRUN_CGROUP_NOT_DELEGATED" });

test("without limits there is nothing to make", async () => {
  const cgroup = driver.create("/tsrun/x", { devices: [{ allow: false, access: "rwm" }], memory: {} });
  expect(cgroup).toMatchObject({ directories: [], procsFiles: [], cloneInto: undefined, freezer: undefined });
  expect(cgroup.frozen()).toBe(false);
  await cgroup.remove();
});

test.each([{ memory: { limit: 1 } }, { cpu: { quota: 1 } }, { pids: { limit: 1 } }])(
  "%j is refused",
  (resources) => {
    expect(() => driver.validate(resources)).toThrow(refused);
    expect(() => driver.create("/tsrun/x", resources)).toThrow(refused);
    expect(() => driver.open("/tsrun/x").update(resources)).toThrow(refused);
  },
);

test("so is pausing, with another hint on v1", async () => {
  await expect(driver.open("/tsrun/x").freeze()).rejects.toMatchObject({
    hint: expect.stringContaining("systemd-run"),
  });
  await expect(createNoDriver(1).open("/tsrun/x").freeze()).rejects.toMatchObject({
    hint: expect.stringContaining("cgroup v2"),
  });
});
