/** Lists of CPUs and memory nodes, "0-2,7" (cpuset(7), "Formats"). */
import type { OciResources } from "../oci.ts";
import { parseCpuList } from "../plan/cpu-list.ts";
import { limitInvalid } from "./errors.ts";
import { type Words, wordFor } from "./words.ts";

/**
 * Refuses lists that name what this host lacks: cgroup v2 would accept them and quietly use what is left.
 * `available` gives the lists that the parent cgroup may use; it is asked only where there is something to check.
 */
export function checkCpuset(
  cpu: OciResources["cpu"],
  available: (which: "cpus" | "mems") => string | undefined,
  words: Words = "docker",
): void {
  for (const which of ["cpus", "mems"] as const) {
    const asked = cpu?.[which];
    if (asked === undefined || asked === "") continue;
    const option = wordFor(words, `--cpuset-${which}`);
    const numbers = parseCpuList(asked);
    if (numbers === undefined)
      throw limitInvalid(`${option} "${asked}" is not a list`, 'write it as "0-2,7"');
    const there = available(which);
    const known = there === undefined ? undefined : parseCpuList(there);
    if (known !== undefined && numbers.some((each) => !known.includes(each))) {
      throw limitInvalid(`${option} ${asked} names what is not available`, `available: ${there}`);
    }
  }
}
