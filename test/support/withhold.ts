/** Loaded before every file of end-to-end tests: skips those that an ordinary user cannot pass, with the reason. */
import { beforeEach } from "vitest";
import { reasonFor } from "./withheld.ts";

beforeEach(({ task, skip }) => {
  const names: string[] = [];
  for (let each: { name: string; suite?: unknown } | undefined = task; each; each = each.suite as typeof each)
    names.unshift(each.name);
  const reason = reasonFor(task.file.filepath, names.join(" > "));
  if (reason !== undefined) skip(reason);
});
