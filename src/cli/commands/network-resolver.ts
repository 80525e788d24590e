import { command } from "../command.ts";

/** The descriptor of the socket that monitors connect to; the one before it is the lock (native/monitor/resolver.c). */
const LISTENER_FD = 4;

export default command({
  summary: "Answer containers' questions for names on user-defined networks (their monitors call this)",
  hidden: true,
  usage: "",
  forms: ["network resolver"],
  examples: ["tsrun network resolver  # only with the descriptors that a monitor hands on"],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  options: {},
  async run(_args, context) {
    process.title = "tsrun network resolver"; // for ps(1)
    const engine = await context.engine();
    await engine.networks.serveNames(LISTENER_FD);
    return 0;
  },
});
