import { TsrunError } from "../../errors.ts";
import { portName } from "../../network/ports/types.ts";
import { command } from "../command.ts";
import { hostPart, publishedOf } from "../container-network.ts";

export default command({
  summary: "List port mappings or a specific mapping for the container",
  usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
  forms: ["container port", "port"],
  examples: ["tsrun port web", "tsrun port web 80/tcp"],
  arguments: { min: 1, max: 2 },
  interspersed: true,
  options: {},
  async run({ positionals: [container = "", port] }, context) {
    const engine = await context.engine();
    const published = publishedOf(await engine.inspect(container));
    if (port === undefined) {
      for (const each of published) context.out(`${portName(each)} -> ${hostPart(each)}\n`);
      return 0;
    }
    const wanted = privatePort(port);
    const found = published.filter((each) => portName(each) === wanted);
    for (const each of found) context.out(`${hostPart(each)}\n`);
    if (found.length > 0) return 0;
    throw new TsrunError(
      "ERR_TSRUN_PORT_NOT_PUBLISHED",
      `no public port '${wanted}' published for ${container}`,
      {
        hint: `\`tsrun port ${container}\` lists those that are, while it runs`,
      },
    );
  },
});

/** "80" is "80/tcp"; throws ERR_TSRUN_OPTION_INVALID on what is no port. */
function privatePort(text: string): string {
  const [, number, protocol = "tcp"] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(text) ?? [];
  if (number === undefined || Number(number) < 1 || Number(number) > 65535) {
    throw new TsrunError("ERR_TSRUN_OPTION_INVALID", `invalid port '${text}'`, {
      hint: "PORT or PORT/PROTO: 80, 53/udp",
      exitCode: 1,
    });
  }
  return `${Number(number)}/${protocol.toLowerCase()}`;
}
