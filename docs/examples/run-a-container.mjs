// Runs a container from a Node.js program:
//   node docs/examples/run-a-container.mjs [IMAGE]
// In a program of your own, import from "tsrun".
import { text } from "node:stream/consumers";
import { Engine, TsrunError } from "../../dist/index.js";

const [image = "tsrun/base"] = process.argv.slice(2);
const engine = new Engine();

try {
  // Pulls the image where it is missing, starts the container, and hands over its streams.
  const container = await engine.run({
    image,
    interactive: true,
    autoRemove: true,
    env: ["GREETING=hello"],
    command: ["sh", "-c", 'while read -r name; do echo "$GREETING, $name"; done'],
  });

  // One more process inside, beside the first.
  const exec = await engine.exec(container.containerId, { command: ["cat", "/proc/1/comm"] });
  console.log(`process 1 is ${(await text(exec.stdout)).trim()}`);

  container.stdin.end("world\n");
  console.log((await text(container.stdout)).trim());

  // With autoRemove, nothing is left of the container when this resolves.
  const { exitCode } = await container.exited;
  console.log(`exit code ${exitCode}`);
} catch (error) {
  if (!(error instanceof TsrunError)) throw error;
  console.error(`${error.code}: ${error.message}${error.hint ? `\n${error.hint}` : ""}`);
  process.exitCode = 1;
}
