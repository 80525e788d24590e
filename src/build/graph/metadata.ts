/** Instructions that write nothing: what they do to an image's configuration, and how its history tells of them. */
import { parseSignal } from "../../engine/signals.ts";
import type { ImageConfig } from "../../image/config-document.ts";
import type { Command, CommandLine, HealthcheckCommand } from "../dockerfile/types.ts";
import { brokenInstruction } from "../errors.ts";
import { goDuration, goList, goQuotedList } from "./go-format.ts";

/** A configuration in the making. */
export interface Draft {
  config: ImageConfig;
  author: string;
  /** Whether CMD was said since the base: an ENTRYPOINT forgets the base's. */
  hasCommand: boolean;
}

export type MetadataCommand = Exclude<
  Command,
  { keyword: "RUN" | "COPY" | "ADD" | "WORKDIR" | "ENV" | "ARG" }
>;

/** Carries an instruction out and returns its line in the history; none for ONBUILD. */
export function applyMetadata(draft: Draft, command: MetadataCommand): string | undefined {
  const { config } = draft;
  switch (command.keyword) {
    case "MAINTAINER":
      draft.author = command.name;
      return `MAINTAINER ${command.name}`;
    case "LABEL": {
      const labels = Object.fromEntries(command.pairs.map(({ key, value }) => [key, value]));
      config.Labels = { ...config.Labels, ...labels };
      return `LABEL${command.pairs.map(({ key, value }) => ` ${key}=${value}`).join("")}`;
    }
    case "USER":
      config.User = command.user;
      return `USER ${command.user}`;
    case "EXPOSE": {
      const ports = command.ports.flatMap((port) => exposed(port, command));
      config.ExposedPorts = { ...config.ExposedPorts, ...emptyObjects(ports) };
      return `EXPOSE ${goList(ports)}`;
    }
    case "VOLUME":
      if (command.paths.includes(""))
        throw brokenInstruction(command, "VOLUME specified can not be an empty string");
      config.Volumes = { ...config.Volumes, ...emptyObjects(command.paths) };
      return `VOLUME ${goList(command.paths)}`;
    case "CMD":
      config.Cmd = commandWords(command.command, config);
      config.ArgsEscaped = true; // deprecated, but what Docker writes
      draft.hasCommand = true;
      return `CMD ${goQuotedList(config.Cmd)}`;
    case "ENTRYPOINT":
      config.Entrypoint = commandWords(command.command, config);
      if (!draft.hasCommand) delete config.Cmd;
      return `ENTRYPOINT ${goQuotedList(config.Entrypoint)}`;
    case "SHELL":
      config.Shell = [...command.words];
      return `SHELL ${goList(command.words)}`;
    case "STOPSIGNAL":
      parseSignal(command.signal);
      config.StopSignal = command.signal;
      return `STOPSIGNAL ${command.signal}`;
    case "HEALTHCHECK":
      config.Healthcheck = healthcheck(command);
      return `HEALTHCHECK ${describeHealthcheck(command)}`;
    case "ONBUILD":
      config.OnBuild = [...(config.OnBuild ?? []), command.trigger];
      return undefined;
  }
}

/** A shell's text is one argument of the image's shell. */
export function commandWords(line: CommandLine, { Shell }: ImageConfig): string[] {
  if (line.form === "exec") return [...line.words];
  return [...shellOf({ ...(Shell && { Shell }) }), line.text];
}

export const shellOf = ({ Shell }: Pick<ImageConfig, "Shell">): readonly string[] =>
  Shell?.length ? Shell : ["/bin/sh", "-c"];

const emptyObjects = (names: readonly string[]): Record<string, object> =>
  Object.fromEntries(names.map((name) => [name, {}]));

/** "80", "8000-8001/udp"; of "host:80" what is the container's. */
function exposed(word: string, command: Command): string[] {
  const [, from = "", to = from, protocol = "tcp"] =
    /^(?:.*:)?(\d+)(?:-(\d+))?(?:\/([A-Za-z]+))?$/.exec(word) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (from === "" || last < first || last > 65535)
    throw brokenInstruction(command, `invalid containerPort: ${word}`);
  if (!/^(?:tcp|udp|sctp)$/i.test(protocol)) throw brokenInstruction(command, `invalid proto: ${protocol}`);
  return Array.from({ length: last - first + 1 }, (_, i) => `${first + i}/${protocol.toLowerCase()}`);
}

function healthcheck({ check }: HealthcheckCommand): NonNullable<ImageConfig["Healthcheck"]> {
  const { test, interval, timeout, startPeriod, startInterval, retries } = check;
  return {
    Test: [...test],
    ...(interval && { Interval: interval }),
    ...(timeout && { Timeout: timeout }),
    ...(startPeriod && { StartPeriod: startPeriod }),
    ...(startInterval && { StartInterval: startInterval }),
    ...(retries && { Retries: retries }),
  };
}

function describeHealthcheck({ check }: HealthcheckCommand): string {
  const { test, interval = 0, timeout = 0, startPeriod = 0, startInterval = 0, retries = 0 } = check;
  const times = `Interval:${goDuration(interval)} Timeout:${goDuration(timeout)} StartPeriod:${goDuration(startPeriod)} StartInterval:${goDuration(startInterval)}`;
  return `{Test:${goList(test)} ${times} Retries:${retries}}`;
}
