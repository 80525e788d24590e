/** The third question: why do containers reach each other? They are ports of one bridge; those of two are kept apart. */
import { afterEach, describe, expect, test } from "vitest";
import { useHost } from "./support/host.ts";

const host = useHost();
const { output, tsrun } = host;

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
  await output("network", "prune", "-f");
});

const serve = (name: string, ...flags: string[]): Promise<string> =>
  output("run", "-d", "--name", name, ...flags, "busybox", "httpd", "-f", "-h", "/www");
const addressOf = (name: string, network: string): Promise<string> =>
  output("inspect", "-f", `{{.NetworkSettings.Networks.${network}.IPAddress}}`, name);
/** What one container gets of another's server; "" where it gets nothing. */
const get = async (from: string, address: string): Promise<string> =>
  (await tsrun("exec", from, "timeout", "3", "wget", "-qO-", `http://${address}/`)).stdout.trim();

test("on one network", async () => {
  await output("network", "create", "front");
  await serve("c-a", "--network", "front");
  await serve("c-b", "--network", "front");
  expect(await get("c-a", await addressOf("c-b", "front"))).toBe("it works");
  const ports = await host.shell(
    `bridge link show | grep -c "master br-$(echo ${await output("network", "inspect", "-f", "{{.Id}}", "front")} | cut -c1-12)"`,
  );
  expect(ports.stdout.trim()).toBe("2");
});

describe("two applications", () => {
  test("on networks of their own do not reach each other, by any family, nor the default network", async () => {
    await output("network", "create", "--ipv6", "--subnet", "fd71::/64", "one");
    await output("network", "create", "--ipv6", "--subnet", "fd72::/64", "two");
    await serve("c-a", "--network", "one");
    await serve("c-b", "--network", "two");
    await serve("c-c");
    const [a, b, c] = await Promise.all([
      addressOf("c-a", "one"),
      addressOf("c-b", "two"),
      addressOf("c-c", "bridge"),
    ]);
    expect(await Promise.all([get("c-a", b), get("c-b", a), get("c-c", a), get("c-a", c)])).toEqual([
      "",
      "",
      "",
      "",
    ]);
    expect(await get("c-a", "[fd72::2]")).toBe("");
    expect(await get("c-a", "[fd71::2]")).toBe("it works");
  });

  test("share what is on both networks", async () => {
    await output("network", "create", "one");
    await output("network", "create", "two");
    await serve("c-a", "--network", "one");
    await serve("c-b", "--network", "two");
    await serve("both", "--network", "one", "--network", "two");
    expect(await get("c-a", await addressOf("both", "one"))).toBe("it works");
    expect(await get("c-b", await addressOf("both", "two"))).toBe("it works");
    expect(await get("both", await addressOf("c-b", "two"))).toBe("it works");
    expect(await get("c-a", await addressOf("c-b", "two"))).toBe("");
  });
});

test("not where the network says so (enable_icc=false); the host reaches each", async () => {
  await output("network", "create", "-o", "com.docker.network.bridge.enable_icc=false", "apart");
  await serve("c-a", "--network", "apart");
  await serve("c-b", "--network", "apart");
  const b = await addressOf("c-b", "apart");
  expect(await get("c-a", b)).toBe("");
  expect(await (await fetch(`http://${b}/`)).text()).toBe("it works\n");
});

test("an administrator's own rules are asked first, and stay when rules are written", async () => {
  await output("network", "create", "--subnet", "10.78.0.0/24", "one");
  await output("network", "create", "--subnet", "10.79.0.0/24", "two");
  await serve("c-a", "--network", "one");
  await serve("c-b", "--network", "two");
  const tables = (await host.shell("nft list tables")).stdout.match(/tsrun-[0-9a-f]{8}/g) ?? [];
  const own = [];
  for (const table of tables)
    if ((await host.shell(`nft list table inet ${table}`)).stdout.includes("10.78.0.0/24")) own.push(table);
  expect(own).toHaveLength(1);
  expect((await host.shell(`nft add rule inet ${own[0]} admin ip daddr 10.79.0.2 accept`)).code).toBe(0);
  await output("network", "create", "three"); // writes rules into the same table
  expect(await get("c-a", "10.79.0.2")).toBe("it works");
  await host.shell(`nft flush chain inet ${own[0]} admin`);
  expect(await get("c-a", "10.79.0.2")).toBe("");
});
