/**
 * Docker's archive (`docker save` since 1.10): manifest.json names for each image its configuration, its tags and the
 * files of its layers, lowest first. Nothing but the configuration's diff ids says what the layers are.
 */
import { digestOf } from "../../store/digest.ts";
import { type ImageConfiguration, parseConfiguration } from "../config-document.ts";
import { verifyDigest } from "../digest.ts";
import { type ArchiveFiles, invalidArchive, missingFile, readDocument } from "./files.ts";

export interface DockerImage {
  /** Digest of the configuration. */
  id: string;
  /** The configuration's bytes. */
  document: Buffer;
  configuration: ImageConfiguration;
  layers: { diffId: string; file: string }[];
  /** References as they are written there. */
  names: string[];
}

const MANIFEST = "manifest.json";

export const isDockerArchive = (files: ArchiveFiles): boolean => files.size(MANIFEST) !== undefined;

/** Whether it is what docker wrote before 1.10: layers with a configuration each, and no digest of anything. */
export const isOldDockerArchive = (files: ArchiveFiles): boolean => files.size("repositories") !== undefined;

/** The images of an archive one by one, their layers present but not verified yet. */
export async function* dockerImages(files: ArchiveFiles): AsyncGenerator<DockerImage> {
  const entries = parseList(await readDocument(files, MANIFEST));
  if (entries.length === 0) throw invalidArchive("there is no image in it");
  for (const entry of entries) yield await dockerImage(files, entry);
}

interface Entry {
  config: string;
  names: string[];
  layers: string[];
}

async function dockerImage(files: ArchiveFiles, { config, names, layers }: Entry): Promise<DockerImage> {
  const document = await readDocument(files, config);
  // Where its name tells its digest, as it does in every archive that docker or podman wrote.
  const hex = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(config)?.[1];
  if (hex !== undefined) verifyDigest(`the configuration ${config}`, document, `sha256:${hex}`);
  const configuration = parseConfiguration(document);
  const { diffIds } = configuration;
  if (diffIds.length !== layers.length)
    throw invalidArchive(
      `its ${MANIFEST} names ${layers.length} layers of an image that has ${diffIds.length}`,
    );
  const lost = layers.find((file) => files.size(file) === undefined);
  if (lost !== undefined) throw missingFile(lost);
  return {
    id: digestOf(document),
    document,
    configuration,
    layers: diffIds.map((diffId, i) => ({ diffId, file: layers[i] as string })),
    names,
  };
}

function parseList(bytes: Buffer): Entry[] {
  let list: unknown;
  try {
    list = JSON.parse(bytes.toString());
  } catch (cause) {
    throw invalidArchive(`its ${MANIFEST} is not JSON`, cause);
  }
  if (!Array.isArray(list)) throw invalidArchive(`its ${MANIFEST} is no list`);
  return list.map((item) => {
    const { Config: config, RepoTags: names, Layers: layers } = (item ?? {}) as Record<string, unknown>;
    if (typeof config !== "string" || !isStrings(names ?? []) || !isStrings(layers ?? []))
      throw invalidArchive(`its ${MANIFEST} has an entry without Config, RepoTags and Layers`);
    return { config, names: (names ?? []) as string[], layers: (layers ?? []) as string[] };
  });
}

const isStrings = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === "string");
