/** Where the process starts; everything else returns to here. */
import { exitProcess } from "../kernel/process.ts";
import { main } from "./main.ts";
import { renderError } from "./render/errors.ts";
import { STDERR, writeText } from "./write.ts";

process.on("uncaughtException", (error) => {
  writeText(
    STDERR,
    renderError(error, { debug: process.argv.includes("--debug"), program: "tsrun", usage: undefined }),
  );
  exitProcess(125);
});

// Not by letting the event loop run dry: a descriptor that somebody forgot would keep the user waiting.
main(process.argv.slice(2)).then(exitProcess);
