import { describe, expect, test } from "vitest";
import { parseShebang } from "../../../src/runtime/shebang.ts";

describe("parseShebang", () => {
  test.each([
    ["#!/bin/sh\necho", { interpreter: "/bin/sh", argument: undefined, carriageReturn: false }],
    ["#! \t/bin/sh -e  \n", { interpreter: "/bin/sh", argument: "-e", carriageReturn: false }],
    ["#!/usr/bin/env -S a b\n", { interpreter: "/usr/bin/env", argument: "-S a b", carriageReturn: false }],
    ["#!/bin/sh\r\necho", { interpreter: "/bin/sh", argument: undefined, carriageReturn: true }],
    ["#!/usr/bin/env bash\r\n", { interpreter: "/usr/bin/env", argument: "bash", carriageReturn: false }],
    ["#!\n", { interpreter: "", argument: undefined, carriageReturn: false }],
    ["#!/bin/sh", { interpreter: "/bin/sh", argument: undefined, carriageReturn: false }],
    [
      "#!/opt/b\u00fccher/sh\n",
      { interpreter: "/opt/b\u00fccher/sh", argument: undefined, carriageReturn: false },
    ],
  ])("%j", (text, expected) => {
    expect(parseShebang(Buffer.from(text))).toEqual(expected);
  });

  test("anything else is none", () => {
    expect(parseShebang(Buffer.from("echo hi"))).toBeUndefined();
    expect(parseShebang(Buffer.from(" #!/bin/sh"))).toBeUndefined();
    expect(parseShebang(Buffer.alloc(0))).toBeUndefined();
  });
});
