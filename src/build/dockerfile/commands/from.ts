/** FROM. */
import type { Common, Stage } from "../types.ts";
import { readFlags } from "./flags.ts";
import { common, type Line, wrong } from "./line.ts";

/** A stage but for its commands. */
export type StageHead = Common & Pick<Stage, "base" | "platform" | "name">;

export function readFrom(line: Line): StageHead {
  const { words } = line.instruction;
  const [base, as, name] = words;
  const named = words.length === 3 && as?.toLowerCase() === "as";
  if (base === undefined || !(named || words.length === 1)) {
    throw wrong(line, "FROM requires either one or three arguments", "", "FROM image [AS name]");
  }
  if (name !== undefined && !/^[a-z][a-z0-9_.-]*$/.test(name.toLowerCase())) {
    throw wrong(
      line,
      `invalid name for build stage: ${JSON.stringify(name)}, name can't start with a number or contain symbols`,
      name,
    );
  }
  const { platform = "" } = readFlags(line, { platform: "value" });
  return {
    ...common(line),
    base,
    ...(name === undefined ? {} : { name: name.toLowerCase() }),
    ...(platform === "" ? {} : { platform }),
  };
}
