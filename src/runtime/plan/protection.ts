/** What hides the host's parts of /proc and /sys, and makes read-only what is to be so. */
import type { OciConfig } from "../oci.ts";
import type { Step } from "./plan.ts";

export function protectionSteps({ linux, root }: OciConfig): Step[] {
  const steps: Step[] = [];
  for (const path of new Set(linux.readonlyPaths)) {
    const slot = `readonly:${path}`;
    steps.push(
      {
        op: "openTree",
        path,
        slot,
        recursive: true,
        tolerate: ["ENOENT"],
        why: `${path} concerns the whole host: bind it…`,
      },
      { op: "moveMount", slot, target: path, tolerate: ["ENOENT"], why: "…onto itself…" },
      {
        op: "mountSetattr",
        target: path,
        set: ["MOUNT_ATTR_RDONLY"],
        clear: [],
        propagation: null,
        recursive: true,
        tolerate: ["ENOENT"],
        why: "…and make that mount read-only.",
      },
    );
  }
  for (const path of new Set(linux.maskedPaths)) {
    steps.push({
      op: "mask",
      path,
      tolerate: ["ENOENT"],
      why: "Tells about the host or reaches into it: hidden.",
    });
  }
  if (root.readonly) {
    steps.push({
      op: "mountSetattr",
      target: "/",
      set: ["MOUNT_ATTR_RDONLY"],
      clear: [],
      propagation: null,
      recursive: false,
      why: "--read-only: the root filesystem, but not what is mounted on it.",
    });
  }
  const propagation = linux.rootfsPropagation;
  if (propagation) {
    steps.push({
      op: "mountSetattr",
      target: "/",
      set: [],
      clear: [],
      propagation: `MS_${propagation.replace(/^r/, "").toUpperCase()}`,
      recursive: false,
      why: "A mount inside can propagate no further than the root it lies in.",
    });
  }
  return steps;
}
