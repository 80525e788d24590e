/**
 * The same contexts built by tsrun, by docker with BuildKit and by buildah: files, configuration and history are the
 * same, but for what build-compare/exceptions.ts gives reasons for. It takes minutes: TSRUN_TEST_PEERS=1 asks for it.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { differences, type Inventory } from "../support/inventory.ts";
import { type OtherTools, startOtherTools } from "../support/other-tools.ts";
import { tarLayer } from "../support/tar-layer.ts";
import { archiveOf, type Builder, startBuilders } from "./support/build-compare/builders.ts";
import { configurationContexts } from "./support/build-compare/configuration.ts";
import { type Exception, exceptions } from "./support/build-compare/exceptions.ts";
import { fileContexts } from "./support/build-compare/files.ts";
import { imageOf } from "./support/build-compare/image-of.ts";
import { runContexts } from "./support/build-compare/runs.ts";
import type { BuildContext } from "./support/build-compare/types.ts";
import { useHost } from "./support/host.ts";

const isAsked = process.env.TSRUN_TEST_PEERS === "1";
const contexts = [...fileContexts, ...runContexts, ...configurationContexts];
/** What the contexts' own files are dated, where they are not dated otherwise. */
const DATE = "2020-09-13 12:26:40";

describe.runIf(isAsked)("the same as docker's and buildah's", () => {
  const host = useHost({ pull: [] });
  const now = Math.floor(Date.now() / 1000) - 60;
  const met = new Set<Exception>();
  let tools: OtherTools;
  let builders: Builder[];

  const server = createServer(({ url = "" }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    if (pathname === "/dated.txt") response.setHeader("Last-Modified", "Mon, 05 Feb 2018 10:11:12 GMT");
    const isArchive = pathname.endsWith(".gz");
    response.end(
      isArchive ? gzipSync(tarLayer([{ path: "in/" }, { path: "in/file", data: "x" }])) : pathname,
    );
  });

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    tools = await startOtherTools(join(host.directory, "tools"), { env: { DOCKER_BUILDKIT: "1" } });
    builders = await startBuilders(host, tools);
  });
  afterAll(async () => {
    server.close();
    await tools.stop();
  });

  function write(directory: string, { files = "", dockerfile }: BuildContext): string {
    const context = join(directory, "context");
    mkdirSync(context, { recursive: true });
    execFileSync("/bin/bash", ["--norc", "-euc", files], { cwd: context });
    const { port } = server.address() as AddressInfo;
    writeFileSync(join(context, "Dockerfile"), dockerfile.replaceAll("SERVER", `http://127.0.0.1:${port}`));
    const recent = ["-newermt", "-1 hour", "!", "-newermt", "+1 hour"];
    execFileSync("find", [context, "-depth", ...recent, "-exec", "touch", "-h", "-d", DATE, "{}", "+"]);
    return context;
  }

  const expected = (peer: string, context: BuildContext, line: string): boolean => {
    const found = exceptions.find(
      (each) =>
        each.peer === peer &&
        (each.context === undefined || each.context === context.name) &&
        each.difference.test(line),
    );
    if (found) met.add(found);
    return found !== undefined;
  };

  /** Differences between tsrun's image and those of the others, each with the other's name in front. */
  async function compare(context: BuildContext, path: string, target: string | undefined): Promise<string[]> {
    const directory = join(path, "..");
    const flags = [...(context.flags ?? []), ...(target ? ["--target", target] : [])];
    const read = async (builder: Builder): Promise<Inventory | undefined> => {
      const archive = archiveOf(directory, builder);
      const built = builder.build(path, archive, flags);
      if (builder.name in (context.refused ?? {}))
        return expect(built)
          .rejects.toThrow()
          .then(() => undefined);
      await built;
      const image = await imageOf(archive, now);
      rmSync(archive);
      return image;
    };
    const [ours, ...others] = await Promise.all(builders.map(read));
    return others.flatMap((theirs, index) => {
      if (theirs === undefined) return [];
      const peer = builders[index + 1]?.name ?? "";
      return differences(ours ?? {}, theirs)
        .filter((line) => !expected(peer, context, line))
        .map((line) => `${peer}${target ? ` (${target})` : ""}: ${line}`);
    });
  }

  test.each(contexts)("$name", async (context) => {
    const path = write(join(host.directory, context.name.replaceAll(/\W/g, "-")), context);
    const found: string[] = [];
    for (const target of context.targets ?? [undefined])
      found.push(...(await compare(context, path, target)));
    expect(found).toEqual([]);
  });

  test("and no reason is given for what does not differ", () => {
    expect(exceptions.filter((each) => !met.has(each))).toEqual([]);
  });
});
