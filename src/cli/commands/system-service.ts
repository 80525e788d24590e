import { existsSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { installedCommand } from "../../engine/installation.ts";
import { TsrunError } from "../../errors.ts";
import { type Arguments, type Context, command } from "../command.ts";
import { flag } from "../option-table.ts";
import { isSystemdHost, systemctl } from "../systemctl.ts";
import { systemdUnit } from "../systemd-unit.ts";

const UNIT = "tsrun.service";
const UNIT_FILE = `/etc/systemd/system/${UNIT}`;

const options = { print: flag("Print the unit instead of installing it") };

export default command({
  summary: "Manage the systemd service that starts containers after a boot",
  usage: "[OPTIONS] install|remove|status",
  forms: ["system service"],
  examples: [
    "tsrun system service install --print  # look at the unit first",
    "tsrun system service install",
    "tsrun system service status",
    "tsrun system service remove",
  ],
  arguments: { min: 1, max: 1 },
  interspersed: true,
  options,
  run,
});

async function run(
  { options: { print }, positionals: [verb = ""] }: Arguments<typeof options>,
  context: Context,
): Promise<number> {
  const verbs: Record<string, (context: Context) => Promise<number>> = { install, remove, status };
  const act = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (act === undefined) {
    throw new TsrunError("ERR_TSRUN_USAGE", `unknown action: ${verb}: it is install, remove or status`);
  }
  if (print) {
    context.out(unit(context));
    return 0;
  }
  if (!isSystemdHost()) throw noSystemd();
  return await act(context);
}

function unit(context: Context): string {
  const config = context.env.TSRUN_CONFIG;
  const { root, run: runDir } = context.paths();
  return systemdUnit({
    program: installedCommand(),
    node: process.execPath,
    paths: { root: resolve(root), run: resolve(runDir) },
    configFile: config ? resolve(config) : undefined,
  });
}

async function install(context: Context): Promise<number> {
  try {
    writeFileSync(UNIT_FILE, unit(context), { mode: 0o644 });
  } catch (cause) {
    throw failed(`cannot write ${UNIT_FILE}: ${(cause as NodeJS.ErrnoException).code}`, cause);
  }
  await mustRun("daemon-reload");
  await mustRun("enable", UNIT);
  // Started as well, so that it is there to be stopped, and its containers with it, at the next shutdown.
  await mustRun("start", "--no-block", UNIT);
  context.out(`${UNIT_FILE}\n`);
  return 0;
}

async function remove(context: Context): Promise<number> {
  if (!existsSync(UNIT_FILE)) {
    context.out(`${UNIT} is not installed\n`);
    return 0;
  }
  // Not stopped: that would stop the containers.
  await mustRun("disable", UNIT);
  rmSync(UNIT_FILE, { force: true });
  await mustRun("daemon-reload");
  context.out(`${UNIT_FILE}\n`);
  return 0;
}

async function status(context: Context): Promise<number> {
  if (!existsSync(UNIT_FILE)) {
    context.out(`${UNIT} is not installed\n`);
    return 1;
  }
  const [enabled, active] = [await systemctl("is-enabled", UNIT), await systemctl("is-active", UNIT)];
  context.out(`${UNIT_FILE}: ${enabled.output}, ${active.output}\n`);
  return enabled.code === 0 ? 0 : 1;
}

async function mustRun(...args: string[]): Promise<void> {
  const { code, output } = await systemctl(...args);
  if (code !== 0) throw failed(`systemctl ${args.join(" ")} ended with ${code}: ${output}`);
}

const failed = (message: string, cause?: unknown): TsrunError =>
  new TsrunError("ERR_TSRUN_SERVICE_FAILED", message, {
    hint: "installing a service takes root and a systemd that answers; see journalctl -xe",
    cause,
    exitCode: 1,
  });

function noSystemd(): TsrunError {
  const program = installedCommand();
  return new TsrunError(
    "ERR_TSRUN_NO_SYSTEMD",
    "systemd does not run this host: there is no service to install",
    {
      hint: `have this run as root at boot, by /etc/rc.local or a crontab line (@reboot): ${program} system boot`,
      exitCode: 1,
    },
  );
}
