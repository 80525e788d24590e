/** A real registry on loopback (Debian's docker-registry) and images made for it. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { compressionOf, diffIdOf, sha256 } from "./tar-layer.ts";

export interface ImageSpec {
  /** Lowest first, compressed in any way or not at all. */
  layers: Buffer[];
  /** The configuration's `config` object. */
  config?: object;
  architecture?: string;
  variant?: string;
  /** More or other fields of the configuration document. */
  document?: object;
  created?: string;
  format?: "oci" | "docker";
}

/** A pushed manifest, as an index's entry names it. */
export interface Pushed {
  mediaType: string;
  digest: string;
  size: number;
  platform: { os: string; architecture: string; variant?: string };
  /** Digest of the configuration: the image's id. */
  imageId: string;
  layers: { digest: string; size: number; diffId: string }[];
}

export interface TestRegistry {
  /** "http://127.0.0.1:40123" */
  url: string;
  /** "127.0.0.1:40123", the registry part of references. */
  host: string;
  /** Pushes an image; without tags it has only its digest. */
  pushImage(repository: string, tags: string[], image: ImageSpec): Promise<Pushed>;
  pushIndex(
    repository: string,
    tags: string[],
    members: Pushed[],
    format?: "oci" | "docker",
  ): Promise<{ digest: string }>;
  /** Any document under any type, for what no tool would push. */
  pushManifest(
    repository: string,
    tags: string[],
    push: { mediaType: string; document: object },
  ): Promise<{ digest: string; size: number }>;
  pushBlob(repository: string, bytes: Uint8Array): Promise<{ digest: string; size: number }>;
  stop(): Promise<void>;
}

const OCI = "application/vnd.oci.image";
const DOCKER = "application/vnd.docker";
const LAYER_SUFFIX = {
  oci: { gzip: "layer.v1.tar+gzip", zstd: "layer.v1.tar+zstd", none: "layer.v1.tar" },
  docker: { gzip: "rootfs.diff.tar.gzip", zstd: "rootfs.diff.tar.zstd", none: "rootfs.diff.tar" },
};

/** Whom alone the registry lets in. */
export interface Account {
  user: string;
  password: string;
}

/**
 * Starts the registry on a free port, open to all or to one user; `stop` ends it and removes its data. `settings` are
 * more sections of its configuration.
 */
export async function startRegistry(account?: Account, settings = ""): Promise<TestRegistry> {
  const directory = mkdtempSync(join(tmpdir(), "tsrun-registry-"));
  const storage = `storage:\n  filesystem:\n    rootdirectory: ${directory}/data\n`;
  let auth = "";
  if (account !== undefined) {
    writeFileSync(join(directory, "htpasswd"), `${account.user}:${bcrypt(account.password)}\n`);
    auth = `auth:\n  htpasswd:\n    realm: test\n    path: ${directory}/htpasswd\n`;
  }
  writeFileSync(
    join(directory, "config.yml"),
    `version: 0.1\nlog:\n  level: info\n${storage}${auth}${settings}http:\n  addr: 127.0.0.1:0\n`,
  );
  const child = spawn("docker-registry", ["serve", join(directory, "config.yml")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(child, "exit");
  const host = await new Promise<string>((resolve, reject) => {
    child.once("error", reject);
    let log = "";
    child.once("exit", (code) => reject(new Error(`docker-registry ended with ${code}: ${log}`)));
    createInterface(child.stderr).on("line", (line) => {
      log += `${line}\n`;
      const address = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
      if (address !== undefined) resolve(address);
    });
  });
  return {
    ...client(`http://${host}`, account),
    async stop() {
      child.kill();
      await ended;
      rmSync(directory, { recursive: true });
    },
  };
}

/** crypt(3) of Debian's libxcrypt, by way of perl: the one hash that docker-registry takes. */
function bcrypt(password: string): string {
  const salt = "$2b$05$abcdefghijklmnopqrstuu";
  return execFileSync("perl", ["-e", "print crypt($ARGV[0], $ARGV[1])", password, salt], {
    encoding: "utf8",
  });
}

function client(url: string, account?: Account): Omit<TestRegistry, "stop"> {
  async function call(
    method: string,
    target: string,
    body?: Uint8Array,
    mediaType = "application/octet-stream",
  ): Promise<Response> {
    const credentials = Buffer.from(`${account?.user}:${account?.password}`).toString("base64");
    const headers = {
      "Content-Type": mediaType,
      ...(account !== undefined && { Authorization: `Basic ${credentials}` }),
    };
    const response = await fetch(new URL(target, url), {
      method,
      headers,
      ...(body === undefined ? {} : { body: Buffer.from(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${target}: ${response.status} ${await response.text()}`);
    return response;
  }

  const pushBlob: TestRegistry["pushBlob"] = async (repository, bytes) => {
    const digest = sha256(bytes);
    const upload = await call("POST", `/v2/${repository}/blobs/uploads/`);
    const location = new URL(upload.headers.get("location") as string, url);
    location.searchParams.set("digest", digest);
    await call("PUT", location.href, bytes);
    return { digest, size: bytes.length };
  };

  const pushManifest: TestRegistry["pushManifest"] = async (repository, tags, { mediaType, document }) => {
    const bytes = Buffer.from(JSON.stringify(document));
    for (const name of tags.length > 0 ? tags : [sha256(bytes)]) {
      await call("PUT", `/v2/${repository}/manifests/${name}`, bytes, mediaType);
    }
    return { digest: sha256(bytes), size: bytes.length };
  };

  const pushImage: TestRegistry["pushImage"] = async (repository, tags, image) => {
    const { layers, architecture = "amd64", variant, format = "oci" } = image;
    const platform = { os: "linux", architecture, ...(variant === undefined ? {} : { variant }) };
    const config = Buffer.from(
      JSON.stringify({
        ...platform,
        created: image.created ?? "2024-01-02T03:04:05Z",
        config: image.config ?? { Cmd: ["sh"] },
        rootfs: { type: "layers", diff_ids: layers.map(diffIdOf) },
        history: layers.map((_, i) => ({ created_by: `layer ${i}` })),
        ...image.document,
      }),
    );
    const prefix = format === "oci" ? OCI : `${DOCKER}.image`;
    const mediaType =
      format === "oci" ? `${OCI}.manifest.v1+json` : `${DOCKER}.distribution.manifest.v2+json`;
    const pushed = await Promise.all(layers.map((layer) => pushBlob(repository, layer)));
    const configBlob = await pushBlob(repository, config);
    const document = {
      schemaVersion: 2,
      mediaType,
      config: {
        mediaType: format === "oci" ? `${OCI}.config.v1+json` : `${DOCKER}.container.image.v1+json`,
        ...configBlob,
      },
      layers: pushed.map((blob, i) => ({
        mediaType: `${prefix}.${LAYER_SUFFIX[format][compressionOf(layers[i] as Buffer)]}`,
        ...blob,
      })),
    };
    const manifest = await pushManifest(repository, tags, { mediaType, document });
    const withDiffIds = pushed.map((blob, i) => ({ ...blob, diffId: diffIdOf(layers[i] as Buffer) }));
    return { mediaType, ...manifest, platform, imageId: configBlob.digest, layers: withDiffIds };
  };

  const pushIndex: TestRegistry["pushIndex"] = (repository, tags, members, format = "oci") => {
    const mediaType =
      format === "oci" ? `${OCI}.index.v1+json` : `${DOCKER}.distribution.manifest.list.v2+json`;
    const manifests = members.map(({ mediaType, digest, size, platform }) => ({
      mediaType,
      digest,
      size,
      platform,
    }));
    return pushManifest(repository, tags, {
      mediaType,
      document: { schemaVersion: 2, mediaType, manifests },
    });
  };

  return { url, host: new URL(url).host, pushBlob, pushManifest, pushImage, pushIndex };
}
