import { expect, test } from "vitest";
import { listProcesses, parsePs } from "../../../src/engine/top.ts";

const OUTPUT = [
  "UID          PID    PPID  C STIME TTY          TIME CMD",
  "root           1       0  0 10:00 ?        00:00:01 /sbin/init splash",
  "root          42       1  0 10:01 ?        00:00:00 nginx: master process  nginx -g daemon off;",
  "www-data      43      42  0 10:01 ?        00:00:00 nginx: worker process",
  "",
].join("\n");

test("keeps the lines of the processes asked for, the command line in one field", () => {
  expect(parsePs(OUTPUT, new Set([42, 43]))).toEqual({
    titles: ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"],
    processes: [
      ["root", "42", "1", "0", "10:01", "?", "00:00:00", "nginx: master process nginx -g daemon off;"],
      ["www-data", "43", "42", "0", "10:01", "?", "00:00:00", "nginx: worker process"],
    ],
  });
});

test("keeps the threads of a process, which have no PID of their own", () => {
  const threads = "PID LWP CMD\n1 - init\n- 1 -\n42 - nginx\n- 42 -\n- 44 -\n";
  expect(parsePs(threads, new Set([42]))?.processes).toEqual([
    ["42", "-", "nginx"],
    ["-", "42", "-"],
    ["-", "44", "-"],
  ]);
});

test("asks for the PID where the options leave it out, and does not show it", async () => {
  const asked: string[][] = [];
  const ps = async (args: readonly string[]): Promise<string> => {
    asked.push([...args]);
    return args[0] === "-o" && args[1] === "pid"
      ? "PID USER COMMAND\n1 root init\n42 www nginx\n"
      : "USER COMMAND\nroot init\nwww nginx\n";
  };
  expect(await listProcesses(["-eo", "user,comm"], new Set([42]), ps)).toEqual({
    titles: ["USER", "COMMAND"],
    processes: [["www", "nginx"]],
  });
  expect(asked).toEqual([
    ["-eo", "user,comm"],
    ["-o", "pid", "-eo", "user,comm"],
  ]);
});

test("says that it needs the PID where ps cannot add it", async () => {
  const ps = async (args: readonly string[]): Promise<string> => {
    if (args[0] === "-o") throw new Error("conflicting format options");
    return "F S UID\n4 S 0\n";
  };
  await expect(listProcesses(["-x"], new Set([1]), ps)).rejects.toMatchObject({
    code: "ERR_TSRUN_PS_NO_PID",
  });
});
