import type { CopyReport, InContainer } from "../../engine/copy.ts";
import { TsrunError } from "../../errors.ts";
import { type Arguments, type Context, command } from "../command.ts";
import { interruptible } from "../interruptible.ts";
import { flag } from "../option-table.ts";
import { humanSize } from "../render/size.ts";
import { relay, STDERR } from "../write.ts";

const options = {
  archive: flag("Archive mode (copy all uid/gid information)", { short: "a" }),
  "follow-link": flag("Always follow symbol link in SRC_PATH", { short: "L" }),
  quiet: flag(
    "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached",
    { short: "q" },
  ),
};

export default command({
  summary: "Copy files/folders between a container and the local filesystem",
  usage: "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n       tsrun cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
  forms: ["container cp", "cp"],
  examples: [
    "tsrun cp web:/var/log/nginx ./logs",
    "tsrun cp nginx.conf web:/etc/nginx/",
    "tsrun cp site/. web:/usr/share/nginx/html  # what is in site, not site itself",
    "tsrun cp - web:/srv < data.tar  # an archive, unpacked there",
    "tsrun cp web:/etc - | tar -tv",
  ],
  arguments: { min: 2, max: 2 },
  interspersed: true,
  options,
  run,
});

type Flags = Arguments<typeof options>["options"];

async function run(
  { options: flags, positionals: [source = "", destination = ""] }: Arguments<typeof options>,
  context: Context,
): Promise<number> {
  if (source === "") throw usage("source can not be empty");
  if (destination === "") throw usage("destination can not be empty");
  const [from, to] = [parseEnd(source), parseEnd(destination)];
  if (typeof from !== "string" && typeof to !== "string") {
    throw usage("copying between containers is not supported", "copy to this host in between, or pipe: `-`");
  }
  if (typeof from === "string" && typeof to === "string") {
    throw usage("must specify at least one container source", "write CONTAINER:PATH");
  }
  await interruptible(async (signal) => {
    if (typeof from === "string") await copyToContainer(from, to as InContainer, { flags, context, signal });
    else await copyFromContainer(from, to as string, { flags, context, signal });
  });
  return 0;
}

interface Request {
  flags: Flags;
  context: Context;
  signal: AbortSignal;
}

async function copyToContainer(from: string, to: InContainer, request: Request): Promise<void> {
  const { flags, context, signal } = request;
  const { copyIn } = await import("../../engine/copy.ts");
  const source = from === "-" ? context.terminal.input() : from;
  await reported(
    request,
    { what: "Copying to container", where: `${to.container}:${to.path}` },
    async (onProgress) =>
      copyIn(await context.engine(), source, {
        to,
        keepOwner: flags.archive,
        followLink: flags["follow-link"],
        signal,
        onProgress,
      }),
  );
}

async function copyFromContainer(from: InContainer, to: string, request: Request): Promise<void> {
  const { flags, context, signal } = request;
  const followLink = flags["follow-link"];
  const engine = await context.engine();
  if (to === "-") {
    const { archive } = await engine.copyFrom(from.container, from.path, { followLink, signal });
    return relay(archive, context.terminal.stdout);
  }
  const { copyOut } = await import("../../engine/copy.ts");
  await reported(request, { what: "Copying from container", where: to }, (onProgress) =>
    copyOut(engine, from, { to, keepOwner: flags.archive, followLink, signal, onProgress }),
  );
}

/** How often the line of progress changes. */
const REFRESH_MS = 100;

/** Tells a user at a terminal how far it is, and in the end how much it was. */
async function reported(
  { flags, context }: Request,
  { what, where }: { what: string; where: string },
  copy: (onProgress: (bytes: number) => void) => Promise<CopyReport>,
): Promise<void> {
  if (flags.quiet || !context.terminal.isTerminal(STDERR)) {
    await copy(() => {});
    return;
  }
  let shown = 0;
  const clear = "\r\u001b[K";
  try {
    const { bytes } = await copy((so) => {
      if (context.now() - shown < REFRESH_MS) return;
      shown = context.now();
      context.err(`${clear}${what} - ${humanSize(so)}`);
    });
    context.err(`${clear}Successfully copied ${humanSize(bytes)} to ${where}\n`);
  } catch (error) {
    context.err(clear);
    throw error;
  }
}

/** CONTAINER:PATH, or a path of this host: one that is absolute, has no colon, or begins with a dot. */
export function parseEnd(text: string): string | InContainer {
  const colon = text.indexOf(":");
  if (text.startsWith("/") || colon < 0 || text.startsWith(".")) return text;
  const [container, path] = [text.slice(0, colon), text.slice(colon + 1)];
  if (container === "") return text;
  if (path === "") throw usage(`${text} names no path in the container`, `write ${container}:/PATH`);
  return { container, path };
}

function usage(message: string, hint?: string): TsrunError {
  return new TsrunError("ERR_TSRUN_COPY_USAGE", message, {
    exitCode: 1,
    ...(hint === undefined ? {} : { hint }),
  });
}
