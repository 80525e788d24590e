/** What a Plan is going to do, and what it has done. */
import type { ContainerConfig } from "../../runtime/oci.ts";
import type { Plan } from "../../runtime/plan/plan.ts";

export interface DryRun {
  /** The OCI runtime configuration that the Plan carries out. */
  config: ContainerConfig;
  plan: Plan;
}

export interface Explanation {
  containerId: string;
  /** What was made on the host before the Plan ran. */
  preparation: { what: string; why: string; proof: string[] }[];
  steps: ExplainedStep[];
}

export interface ExplainedStep {
  /** From 1. */
  number: number;
  executor: "monitor" | "container";
  /** As strace(1) prints it. */
  call: string;
  why: string;
  /** "file: what it says", read while the process waits right before execve. */
  proof: string[];
}
