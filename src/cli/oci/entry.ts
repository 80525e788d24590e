/** Where the process of `tsrun-oci` starts; everything else returns to here. */
import { exitProcess } from "../../kernel/process.ts";
import { main } from "./main.ts";

// Not by letting the event loop run dry: a descriptor that somebody forgot would keep the engine waiting.
main(process.argv.slice(2)).then(exitProcess);
