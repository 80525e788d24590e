/** load: the images of an OCI layout, whose manifests name everything by digest. As `pull` does it, from files. */
import { layersOf, recordOf } from "../image/acquire.ts";
import { choosePresent, type LayoutImage, layoutImages, layoutSource } from "../image/archive/oci-layout.ts";
import { downloadLayers, missingLayers } from "../image/download-layers.ts";
import { parseReference } from "../image/reference.ts";
import { resolveServed } from "../image/resolve-manifest.ts";
import { putBlob } from "../store/blobs.ts";
import type { Found, Loading } from "./load.ts";

/** Brings everything of all images into the store but their names. */
export async function layoutContent(loading: Loading): Promise<Found[]> {
  const found: Found[] = [];
  for (const image of await layoutImages(loading.files, loading.platform))
    found.push(await imageContent(loading, image));
  return found;
}

async function imageContent(loading: Loading, { descriptor, names }: LayoutImage): Promise<Found> {
  const { paths, files, platform, signal, stop, onProgress } = loading;
  const references = names.map(parseReference);
  const source = layoutSource(files);
  const { digest, mediaType } = descriptor;
  const { bytes } = await source.manifest(digest);
  const name = names[0] ?? digest;
  const image = await resolveServed(
    { bytes, digest, mediaType },
    { paths, source, platform, name, choose: (index) => choosePresent(files, index, platform) },
  );
  const layers = layersOf(image);
  const missing = missingLayers(paths, layers);
  const totalBytes = missing.reduce((sum, { size }) => sum + size, 0);
  onProgress({ type: "start", reference: name, digest, layers: layers.length, totalBytes });
  await downloadLayers(missing, { paths, source, onProgress, signal, stop });
  for (const [key, document] of image.documents) putBlob(paths, key, document);
  return { record: recordOf(image), diffIds: image.configuration.diffIds, references };
}
