/**
 * A build of twelve instructions, as an application has them: everything anew, everything from the cache, and with a
 * file changed that one of the last instructions copies.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command, Peer, World } from "./peer.ts";
import type { BuildWorkload } from "./promises.ts";
import { type Times, takeTurns, turnsOf } from "./turns.ts";

const dockerfile = (base: string): string => `FROM ${base}
ENV VERSION=1.0
WORKDIR /app
COPY package.json ./
RUN cat package.json > installed
RUN i=0; while [ $i -lt 200 ]; do echo $i > module$i; i=$((i + 1)); done
COPY lib lib
RUN cat lib/* > bundle
RUN echo setting=1 > settings
COPY src src
RUN cat src/* >> bundle
CMD ["cat", "/app/bundle"]
`;

export async function measureBuild(
  peers: Peer[],
  { world, image, rounds }: { world: World; image: string; rounds: number },
): Promise<Map<BuildWorkload, Times>> {
  const context = makeContext(join(world.dir, "context"), image);
  const turns = (anew: boolean, before?: Command) =>
    turnsOf(
      peers,
      (peer) => peer.build?.(context, { anew }),
      () => before,
    );
  const change: Command = {
    argv: ["sh", "-c", 'date +%s.%N > "$1"', "sh", join(context, "src/main")],
  };
  return new Map([
    ["build-cold", await takeTurns(turns(true), rounds)],
    ["build-warm", await takeTurns(turns(false), 2 * rounds)],
    ["build-late", await takeTurns(turns(false, change), rounds)],
  ]);
}

/** 200 files of 20 kB beside a few small ones. */
function makeContext(folder: string, base: string): string {
  for (const part of ["lib", "src"]) mkdirSync(join(folder, part), { recursive: true });
  writeFileSync(join(folder, "Dockerfile"), dockerfile(base));
  writeFileSync(join(folder, "package.json"), '{ "name": "application" }\n');
  writeFileSync(join(folder, "src/main"), "first\n");
  for (let number = 0; number < 200; number++) {
    writeFileSync(join(folder, "lib", `part${number}`), `${number}\n`.repeat(20_000 / `${number}\n`.length));
  }
  return folder;
}
