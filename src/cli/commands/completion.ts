import { command } from "../command.ts";

export default command({
  summary: "Print the script that completes tsrun's commands in a shell",
  usage: "bash|zsh|fish",
  forms: ["completion"],
  examples: [
    "tsrun completion bash > /usr/share/bash-completion/completions/tsrun",
    "tsrun completion zsh > /usr/local/share/zsh/site-functions/_tsrun",
    "tsrun completion fish > ~/.config/fish/completions/tsrun.fish",
  ],
  arguments: { min: 1, max: 1 },
  interspersed: true,
  options: {},
  async run({ positionals: [shell = ""] }, context) {
    const { completionScript } = await import("../completion/script.ts");
    context.out(completionScript(shell));
    return 0;
  },
});
