/** A volume in docker's words: a line of `volume ls`, and the document of `volume inspect`. */
import type { VolumeSummary } from "../../engine/api.ts";
import { goMap, goNilMap, goStruct } from "../template/values.ts";
import type { ListFormat } from "./rows.ts";

export interface VolumeRow {
  Availability: string;
  Driver: string;
  Group: string;
  /** Of a label; for templates. */
  Label: (name: string) => string;
  Labels: string;
  Links: string;
  Mountpoint: string;
  Name: string;
  Scope: string;
  Size: string;
  Status: string;
}

/** What only volumes of a cluster have, and what `system df -v` counts. */
const NONE = "N/A";

export function volumeRow({ name, driver, labels, mountpoint, scope = "local" }: VolumeSummary): VolumeRow {
  return {
    Availability: NONE,
    Driver: driver,
    Group: NONE,
    Label: (label) => labels[label] ?? "",
    Labels: Object.entries(goMap(labels))
      .map(([key, value]) => `${key}=${value}`)
      .join(","),
    Links: NONE,
    Mountpoint: mountpoint,
    Name: name,
    Scope: scope,
    Size: NONE,
    Status: NONE,
  };
}

export const volumeList: ListFormat<VolumeRow> = {
  headings: {
    Availability: "AVAILABILITY",
    Driver: "DRIVER",
    Group: "GROUP",
    Labels: "LABELS",
    Links: "LINKS",
    Mountpoint: "MOUNTPOINT",
    Name: "VOLUME NAME",
    Scope: "SCOPE",
    Size: "SIZE",
    Status: "STATUS",
  },
  columns: ["Driver", "Name"],
};

export function inspectVolume(volume: VolumeSummary): object {
  const { name, driver, options, labels, createdAt, mountpoint, scope = "local", status } = volume;
  const document = {
    CreatedAt: createdAt,
    Driver: driver,
    Labels: goNilMap(labels),
    Mountpoint: mountpoint,
    Name: name,
    Options: goNilMap(options),
    Scope: scope,
    ...(status && { Status: goMap(status) }),
  };
  return goStruct(document, { ClusterVolume: null, Status: goNilMap({}), UsageData: null });
}
