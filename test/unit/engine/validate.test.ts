import { describe, expect, test } from "vitest";
import type { ContainerOptions } from "../../../src/engine/types.ts";
import { validateAgainstImage, validateContainerOptions } from "../../../src/engine/validate.ts";

describe("validateContainerOptions", () => {
  test("takes ordinary options", () => {
    const options: ContainerOptions = {
      image: "alpine",
      name: "web",
      hostname: "web.example",
      env: ["A=1"],
      mounts: [{ type: "tmpfs", target: "/tmp", options: [] }],
      securityOpt: ["no-new-privileges"],
      sysctls: { "net.core.somaxconn": "1" },
      ulimits: [{ name: "nofile", soft: 1, hard: 2 }],
      stopSignal: "RTMIN+3",
      oomScoreAdj: -1000,
      shmSize: 0,
      stopTimeout: -1,
    };
    expect(() => validateContainerOptions(options)).not.toThrow();
  });

  test.each<[Partial<ContainerOptions>, string, string]>([
    [{ name: "-" }, "ERR_TSRUN_NAME_INVALID", "Invalid container name (-)"],
    [{ hostname: "a b" }, "ERR_TSRUN_HOSTNAME_INVALID", "invalid hostname format: a b"],
    [{ hostname: "a\n1.2.3.4 b" }, "ERR_TSRUN_HOSTNAME_INVALID", "invalid hostname format: a\\n1.2.3.4 b"],
    [{ hostname: "x".repeat(65) }, "ERR_TSRUN_HOSTNAME_INVALID", "invalid hostname format"],
    [{ domainname: "a/b" }, "ERR_TSRUN_HOSTNAME_INVALID", "invalid domainname format: a/b"],
    [{ env: ["=1"] }, "ERR_TSRUN_ENV_INVALID", "invalid environment variable: =1"],
    [
      { mounts: [{ type: "tmpfs", target: "/", options: [] }] },
      "ERR_TSRUN_MOUNT_INVALID",
      "destination can't be '/'",
    ],
    [{ securityOpt: ["x"] }, "ERR_TSRUN_SECURITY_OPT_INVALID", 'invalid --security-opt: "x"'],
    [{ sysctls: { "vm.x": "1" } }, "ERR_TSRUN_SYSCTL_INVALID", "sysctl 'vm.x' is not allowed"],
    [{ network: "host", sysctls: { "net.x": "1" } }, "ERR_TSRUN_SYSCTL_INVALID", "host network namespace"],
    [{ ulimits: [{ name: "x", soft: 1, hard: 1 }] }, "ERR_TSRUN_ULIMIT_INVALID", "invalid ulimit type: x"],
    [{ stopSignal: "FOO" }, "ERR_TSRUN_SIGNAL_INVALID", "invalid signal: FOO"],
    [{ oomScoreAdj: 1001 }, "ERR_TSRUN_OOM_SCORE_ADJ_INVALID", "range for oom score adj is [-1000, 1000]"],
    [{ oomScoreAdj: Number.NaN }, "ERR_TSRUN_OOM_SCORE_ADJ_INVALID", "Invalid value NaN"],
    [{ shmSize: -1 }, "ERR_TSRUN_SHM_SIZE_INVALID", "SHM size can not be less than 0"],
    [{ stopTimeout: -2 }, "ERR_TSRUN_STOP_TIMEOUT_INVALID", "invalid stop timeout: -2"],
    [{ workdir: "x" }, "ERR_TSRUN_WORKDIR_INVALID", "the working directory 'x' is invalid"],
  ])("refuses %j", (options, code, message) => {
    expect(() => validateContainerOptions({ image: "i", ...options })).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });
});

test("validateAgainstImage: what only the image can get wrong", () => {
  const options = { image: "i", command: ["x"] };
  expect(() => validateAgainstImage(options, { StopSignal: "FOO" })).toThrow("invalid signal: FOO");
  expect(() => validateAgainstImage(options, { Env: ["=x"] })).toThrow("invalid environment variable");
  expect(() => validateAgainstImage({ image: "i" }, {})).toThrow("no command specified");
  expect(() => validateAgainstImage(options, {})).not.toThrow();
});
