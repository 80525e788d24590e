import { expect, test } from "vitest";
import { systemdUnit } from "../../../src/cli/systemd-unit.ts";

const settings = {
  program: "/opt/tsrun/bin/tsrun",
  node: "/opt/node/bin/node",
  paths: { root: "/var/lib/tsrun", run: "/run/tsrun" },
  configFile: undefined,
};

test("starts containers after the network is up, stops them at the end, and keeps their monitors", () => {
  const lines = systemdUnit(settings).split("\n");
  expect(lines).toEqual(
    expect.arrayContaining([
      "After=network-online.target",
      "Wants=network-online.target",
      "RequiresMountsFor=/var/lib/tsrun",
      "Type=oneshot",
      "RemainAfterExit=yes",
      "ExecStart=-/opt/tsrun/bin/tsrun system boot",
      "ExecStop=/opt/tsrun/bin/tsrun system shutdown",
      "KillMode=process",
      "Environment=TSRUN_ROOT=/var/lib/tsrun",
      "Environment=TSRUN_RUN=/run/tsrun",
      "WantedBy=multi-user.target",
    ]),
  );
  expect(lines.find((line) => line.startsWith("Environment=PATH="))).toMatch(
    /^Environment=PATH=\/opt\/node\/bin:/,
  );
  expect(lines.join("\n")).not.toContain("TSRUN_CONFIG");
});

test("names the configuration that it was installed with", () => {
  expect(systemdUnit({ ...settings, configFile: "/etc/x.json" })).toContain(
    "\nEnvironment=TSRUN_CONFIG=/etc/x.json\n",
  );
});

test("quotes what systemd would read otherwise", () => {
  const unit = systemdUnit({ ...settings, program: '/opt/a b/50%/"c"/$d/tsrun' });
  expect(unit).toContain(String.raw`ExecStart=-"/opt/a b/50%%/\"c\"/$$d/tsrun" system boot`);
});
