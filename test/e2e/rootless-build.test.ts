/** Builds of an ordinary user: owners, removals, mounts and networks of RUN, and what the kernel withholds. */
import { once } from "node:events";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type CliResult, TSRUN } from "../support/cli.ts";
import { useUser } from "./support/user.ts";

const user = useUser({ uid: 51_238 });
const run = (...words: string[]) => user.output("run", "--rm", "--network", "none", ...words);
let contexts = 0;

/** Builds from a Dockerfile and a file "words", which are root's, as what others have checked out would be. */
function build(dockerfile: string, ...flags: string[]): Promise<CliResult> {
  const context = join(user.home, `context-${++contexts}`);
  mkdirSync(context);
  writeFileSync(join(context, "Dockerfile"), dockerfile);
  writeFileSync(join(context, "words"), "some words\n");
  return user.tsrun("build", "--network", "none", ...flags, context);
}

test("owners, removals, stages and mounts are what they are for root", async () => {
  const dockerfile = `FROM tsrun/base AS make
COPY --chown=1000:1000 words /own/
USER 1000:1000
RUN id -u > /own/who && echo more >> /own/words
USER 0
RUN --mount=type=secret,id=key wc -c < /run/secrets/key > /own/length && chown 65536:7 /own/length

FROM tsrun/base
RUN mkdir /data && touch /data/first
RUN rm /bin/vi && rm -r /data && mkdir /data && touch /data/alone
COPY --from=make /own /own
RUN --mount=type=bind,from=make,source=/own,target=/mnt --mount=type=cache,target=/cache \\
    cp /mnt/words /cache/kept && cat /cache/kept > /again
CMD cat /own/who /own/length /again; stat -c '%n %u:%g' /own /own/*; ls /data; test -e /bin/vi || echo none
`;
  writeFileSync(join(user.home, "key"), "0123456789");
  const flags = ["-t", "built", "--secret", `id=key,src=${join(user.home, "key")}`];
  expect(await build(dockerfile, ...flags)).toMatchObject({ code: 0 });
  expect((await run("built")).split("\n")).toEqual([
    ...["1000", "10", "some words", "more"],
    ...["/own 0:0", "/own/length 65536:7", "/own/who 1000:1000", "/own/words 1000:1000"],
    ...["alone", "none"],
  ]);
  const again = await build(dockerfile, ...flags);
  expect(again.stderr.match(/^#\d+ CACHED$/gm)).toHaveLength(7 + 2); // of the stages' bases too
  expect(await user.output("builder", "prune", "-a", "-f")).toMatch(/^Total:\t\d/m);
  expect(await user.output("system", "check")).toContain("Everything is as it should be");
});

test("a RUN has a network of the user's, or the host's where it is allowed to", async () => {
  const server = createServer((_, response) => response.end("from the host")).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const dockerfile = `FROM tsrun/base
RUN --network=default ip -4 address show dev eth0 | grep -c inet > /links
RUN --network=host wget -qO /page http://127.0.0.1:${port}/
CMD cat /links /page
`;
  const built = await build(dockerfile, "--network", "default", "--allow", "network.host", "-t", "networks");
  server.close();
  expect(built).toMatchObject({ code: 0 });
  expect(await run("networks")).toBe("1\nfrom the host");
});

test("what is exported belongs to the user", async () => {
  const out = join(user.home, "out");
  const dockerfile =
    "FROM tsrun/base AS make\nRUN echo made > /it && chown 5:5 /it\nFROM scratch\nCOPY --from=make /it /it\n";
  expect(await build(dockerfile, "-o", out)).toMatchObject({ code: 0 });
  expect(readdirSync(out)).toEqual(["it"]);
  expect(statSync(join(out, "it")).uid).toBe(user.uid);
});

test("an archive may come from who has ids that the user has not", async () => {
  const archive = `cd ~/context-1 && tar -c --owner=1000000 --group=1000000 . | ${TSRUN} build -q -t sent -`;
  writeFileSync(
    join(user.home, "context-1/Dockerfile"),
    "FROM tsrun/base\nCOPY words /\nCMD stat -c %u /words\n",
  );
  expect(await user.shell(archive)).toMatchObject({ code: 0 });
  expect(await run("sent")).toBe("0");
});

test("an id beyond the user's, and a device, are refused at their lines", async () => {
  const beyond = "no user or group 70000: the last one is 65536";
  for (const line of ["COPY --chown=70000 words /", "USER 70000\nWORKDIR /new", "USER 70000\nRUN true"]) {
    const { code, stderr } = await build(`FROM tsrun/base\n${line}\n`);
    expect({ code, stderr }, line).toMatchObject({ code: 1, stderr: expect.stringContaining(beyond) });
    expect(stderr, line).toMatch(/>>> (COPY|WORKDIR|RUN)/);
  }
  const device = await build("FROM tsrun/base\nRUN mknod /device c 1 3\n");
  expect(device).toMatchObject({ code: 1, stderr: expect.stringContaining("Operation not permitted") });
});
