/** Two images that share layers, for what brings images from one place to another. */
import { gzipLayer } from "../../support/tar-layer.ts";
import type { Host } from "./host.ts";
import { busyboxImage } from "./images.ts";

/** What each prints when it runs. */
export const APPS = { "my/app:1": "first", "my/app:2": "first\nsecond" } as const;
export const NAMES = Object.keys(APPS) as (keyof typeof APPS)[];

/** Pushes them to the host's registry: one by an OCI manifest, one by docker's. */
export async function pushApps({ registry }: Host): Promise<void> {
  const app = (...texts: string[]) => {
    const image = busyboxImage([], { Cmd: ["sh", "-c", "cat /texts/*"] });
    const layers = texts.map((text) =>
      gzipLayer([{ path: "texts/" }, { path: `texts/${text}`, data: `${text}\n` }]),
    );
    return { ...image, layers: [...image.layers, ...layers] };
  };
  await registry().pushImage("my/app", ["1"], app("first"));
  await registry().pushImage("my/app", ["2"], { ...app("first", "second"), format: "docker" });
}

/** Pulls them into an empty store; returns their ids by name. */
export async function pullApps(host: Host): Promise<Record<string, string>> {
  await removeImages(host);
  const ids: Record<string, string> = {};
  for (const name of NAMES) {
    await host.output("pull", "-q", name);
    ids[name] = await host.output("image", "inspect", "-f", "{{.Id}}", name);
  }
  return ids;
}

export async function removeImages({ output }: Host): Promise<void> {
  const ids = new Set((await output("images", "-q", "--no-trunc")).split("\n").filter(Boolean));
  if (ids.size > 0) await output("rmi", "-f", ...ids);
}
