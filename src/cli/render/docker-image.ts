/** `image inspect`: an image in the shape of docker's API. */
import type { ImageConfig, ImageDetails } from "../../engine/api.ts";
import { layerPath } from "../../store/layers.ts";
import type { Paths } from "../../store/paths.ts";
import { goMap, goNilMap, goSlice, goStruct } from "../template/values.ts";

export function inspectImage(image: ImageDetails, paths: Paths): object {
  const document = {
    Id: image.id,
    RepoTags: image.names.filter((name) => !name.includes("@")),
    RepoDigests: image.digests,
    Parent: "",
    Comment: image.comment,
    Created: image.created,
    DockerVersion: image.dockerVersion,
    Author: image.author,
    Config: configOf(image.config),
    Architecture: image.architecture,
    ...(image.variant !== undefined && { Variant: image.variant }),
    Os: image.os,
    Size: image.size,
    GraphDriver: graphDriver(image, paths),
    RootFS: { Type: "layers", Layers: image.layers },
    Metadata: { LastTagTime: "0001-01-01T00:00:00Z" },
  };
  return goStruct(document, { Variant: "", OsVersion: "" });
}

/** The image's directories; no image is mounted, so it has neither MergedDir nor WorkDir. */
function graphDriver({ layers }: ImageDetails, paths: Paths): object {
  const [top, ...lower] = layers.map((diffId) => layerPath(paths, diffId)).reverse();
  const directories = {
    ...(lower.length > 0 && { LowerDir: lower.join(":") }),
    ...(top !== undefined && { UpperDir: top }),
  };
  return { Data: top === undefined ? null : goMap(directories), Name: "overlay2" };
}

function configOf(config: ImageConfig): object {
  const document = {
    Hostname: "",
    Domainname: "",
    User: config.User ?? "",
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ...(config.ExposedPorts !== undefined && { ExposedPorts: goMap(config.ExposedPorts) }),
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: goSlice(config.Env),
    Cmd: goSlice(config.Cmd),
    ...(config.Healthcheck !== undefined && { Healthcheck: config.Healthcheck }),
    Image: "",
    Volumes: goNilMap(config.Volumes),
    WorkingDir: config.WorkingDir ?? "",
    Entrypoint: goSlice(config.Entrypoint),
    OnBuild: goSlice(config.OnBuild),
    Labels: goNilMap(config.Labels),
    ...(config.StopSignal !== undefined && { StopSignal: config.StopSignal }),
    ...(config.Shell !== undefined && { Shell: config.Shell }),
  };
  return goStruct(document, {
    ExposedPorts: goNilMap({}),
    ArgsEscaped: false,
    Healthcheck: null,
    MacAddress: "",
    NetworkDisabled: false,
    StopSignal: "",
    StopTimeout: null,
    Shell: goSlice([]),
  });
}
