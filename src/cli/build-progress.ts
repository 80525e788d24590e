/** Which display shows a build's progress: --progress, BUILDKIT_PROGRESS, or what standard error is. */
import type { BuildEvent } from "../build/types.ts";
import { TsrunError } from "../errors.ts";
import type { Context } from "./command.ts";
import type { BuildDisplay } from "./render/build/plain.ts";
import { STDERR } from "./write.ts";

export type ProgressMode = "plain" | "tty" | "rawjson" | "quiet" | "none";

const MODES = ["auto", "plain", "tty", "rawjson", "quiet", "none"];

/** Throws ERR_TSRUN_OPTION_CONFLICT, ERR_TSRUN_OPTION_INVALID. */
export function progressMode(
  { progress, quiet }: { progress: string | undefined; quiet: boolean },
  { env, terminal }: Pick<Context, "env" | "terminal">,
): ProgressMode {
  const asked = progress ?? (quiet ? "quiet" : env.BUILDKIT_PROGRESS || "auto");
  if (!MODES.includes(asked)) {
    throw new TsrunError("ERR_TSRUN_OPTION_INVALID", `invalid progress mode ${asked}`, {
      hint: `BUILDKIT_PROGRESS is one of ${MODES.join(", ")}`,
    });
  }
  if (quiet && asked !== "auto" && asked !== "quiet") {
    throw new TsrunError("ERR_TSRUN_OPTION_CONFLICT", `progress=${asked} and quiet cannot be used together`, {
      hint: "leave out one of them",
    });
  }
  if (quiet) return "quiet";
  const isTerminal = terminal.isTerminal(STDERR);
  if (asked === "tty" && !isTerminal) {
    throw new TsrunError("ERR_TSRUN_OPTION_CONFLICT", "--progress tty: standard error is no terminal", {
      hint: "--progress plain prints lines",
    });
  }
  return asked === "auto" ? (isTerminal ? "tty" : "plain") : (asked as ProgressMode);
}

const SILENT: BuildDisplay = { event() {}, pause() {}, end() {} };

export interface InterruptibleDisplay extends BuildDisplay {
  /** Does what needs the terminal for itself; what happens meanwhile is shown afterwards. */
  without<Result>(act: () => Promise<Result>): Promise<Result>;
}

export function interruptibleDisplay(display: BuildDisplay): InterruptibleDisplay {
  let held: BuildEvent[] | undefined;
  return {
    ...display,
    event(event) {
      if (held === undefined) display.event(event);
      else held.push(event);
    },
    async without(act) {
      const mine: BuildEvent[] = [];
      held = mine;
      display.pause();
      try {
        return await act();
      } finally {
        held = undefined;
        for (const event of mine) display.event(event);
      }
    },
  };
}

export async function buildDisplay(mode: ProgressMode, context: Context): Promise<BuildDisplay> {
  const write = context.err;
  const now = (): number => performance.now();
  switch (mode) {
    case "plain":
      return (await import("./render/build/plain.ts")).plainDisplay({ write, now });
    case "rawjson":
      return (await import("./render/build/raw-json.ts")).rawJsonDisplay({ write, now: context.now });
    case "tty": {
      const { terminalDisplay } = await import("./render/build/terminal.ts");
      const { terminal, env } = context;
      return terminalDisplay({ write, now, size: () => terminal.size(), colors: !env.NO_COLOR });
    }
    case "quiet":
    case "none":
      return SILENT;
  }
}
