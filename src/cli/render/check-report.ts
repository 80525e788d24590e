/** What `system check` has found, in plain words. */
import type { StoreFinding, StoreReport } from "../../engine/api.ts";
import { humanSize } from "./size.ts";

export function checkReport(report: StoreReport, { repair }: { repair: boolean }): string {
  const { images, blobs, layers, containers, bytes } = report.checked;
  const lines = [
    `Checked ${plural(images, "image")}, ${plural(blobs, "blob")}, ${plural(layers, "layer")} and ${plural(containers, "container")}: ${humanSize(bytes)}`,
    ...report.findings.flatMap(findingLines),
    ...leftoverLines(report),
    verdict(report, repair),
  ];
  return `${lines.join("\n")}\n`;
}

function findingLines({ message, details, repaired, advice }: StoreFinding): string[] {
  const notes = [...details, ...(repaired ? [`repaired: ${repaired}`] : []), ...(advice ? [advice] : [])];
  return ["", message, ...notes.map((note) => `    ${note}`)];
}

function leftoverLines({ leftovers, reclaimed, findings }: StoreReport): string[] {
  if (reclaimed > 0) return ["", `Removed what nothing needs: ${humanSize(reclaimed)}`];
  if (leftovers === undefined) {
    const reason =
      findings.length > 0 ? "before the above is mended" : "while other commands are at work on the store";
    return ["", `What interrupted commands have left was not looked for: it cannot be told ${reason}`];
  }
  if (leftovers.length === 0) return [];
  const bytes = leftovers.reduce((sum, leftover) => sum + leftover.bytes, 0);
  return [
    "",
    `No image and no container needs ${humanSize(bytes)}, which does no harm (tsrun image prune removes it):`,
    ...leftovers.map(({ path, bytes }) => `    ${path} (${humanSize(bytes)})`),
  ];
}

function verdict({ findings }: StoreReport, repair: boolean): string {
  if (findings.length === 0) return "Everything is as it should be";
  const open = findings.filter(({ repaired }) => repaired === undefined).length;
  if (open === 0) return `\n${plural(findings.length, "fault")}, all repaired`;
  return `\n${plural(open, "fault")}${repair ? " left" : ": tsrun system check --repair mends what can be mended"}`;
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
