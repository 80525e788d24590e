import { command } from "../command.ts";

export default command({
  summary: "Log out from a registry (Docker Hub by default)",
  usage: "[SERVER]",
  forms: ["logout"],
  examples: ["tsrun logout", "tsrun logout ghcr.io"],
  arguments: { min: 0, max: 1 },
  interspersed: true,
  options: {},
  async run({ positionals: [asked] }, context) {
    const engine = await context.engine();
    const { server, removed } = await engine.registries.logout(asked);
    context.out(removed ? `Removing login credentials for ${server}\n` : `Not logged in to ${server}\n`);
    return 0;
  },
});
