/** That attacks are real: each succeeds on a tsrun from which what it meets was taken out. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createCli } from "../../support/cli.ts";
import { assertTestHost } from "../../support/test-host.ts";
import { type Attack, setScene } from "./attack.ts";
import { buildWeakened } from "./weakened.ts";

/** Registers the tests. Attacks that need the same holes share an installation. */
export function expectSuccess(attacks: readonly Attack[]): void {
  const place = createCli();
  const groups = Map.groupBy(attacks, ({ weakening }) => JSON.stringify(weakening));

  beforeAll(assertTestHost);
  afterAll(() => place.close());

  describe.each([...groups.values()])("on a weakened tsrun", (...group: Attack[]) => {
    const installation = join(place.directory, String(attacks.indexOf(group[0] as Attack)));
    const cli = createCli(join(installation, "bin", "tsrun"));

    beforeAll(() => buildWeakened(installation, group[0]?.weakening ?? []));
    afterAll(() => cli.close());

    test.each(group.map((attack) => [attack.name, attack] as const))("%s", async (_, { attempt }) => {
      expect(await attempt(setScene(cli, installation))).not.toEqual([]);
    });
  });
}
