/** Docker's document of `manifest inspect --verbose`: one of an image, a list of the members of an index. */
import type { InspectedManifest } from "../../engine/api.ts";

export function manifestDetails(manifest: InspectedManifest): object {
  return manifest.members.length > 0 ? manifest.members.map(details) : details(manifest);
}

function details({ reference, mediaType, digest, size, platform, bytes }: InspectedManifest): object {
  const kind = mediaType.startsWith("application/vnd.docker.") ? "SchemaV2Manifest" : "OCIManifest";
  return {
    Ref: reference,
    Descriptor: { mediaType, digest, size, ...(platform && { platform: dockerPlatform(platform) }) },
    Raw: bytes.toString("base64"),
    [kind]: JSON.parse(bytes.toString()) as object,
  };
}

/** In docker's order of the fields. */
function dockerPlatform({ os, architecture, variant }: NonNullable<InspectedManifest["platform"]>): object {
  return { architecture, os, ...(variant !== undefined && { variant }) };
}
