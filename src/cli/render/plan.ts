/** Plans and explanations as text: what is done, as strace(1) would print it, why, and what the kernel says of it. */
import type { DryRun, Explanation } from "../../engine/api.ts";
import { straceStep } from "../../runtime/plan/strace.ts";

const MARGIN = 5;
const WIDTH = 110;

/** One numbered step after another, each with its reason. */
export function renderPlan({ plan }: DryRun): string {
  return plan.steps
    .map((step, index) => `${number(index + 1)}${straceStep(step)}\n${indented(step.why)}`)
    .join("");
}

/** As JSON: the OCI configuration and the Plan that carries it out. */
export function renderPlanJson({ config, plan }: DryRun): string {
  return `${JSON.stringify({ config, plan }, undefined, 2)}\n`;
}

/** The account of a start: preparation on the host, then every step with its proof. */
export function renderExplanation({ containerId, preparation, steps }: Explanation): string {
  const before = preparation.map(({ what, why, proof }) => `   * ${what}\n${indented(why)}${proofs(proof)}`);
  const after = steps.map(
    ({ number: place, call, why, proof }) => `${number(place)}${call}\n${indented(why)}${proofs(proof)}`,
  );
  const clone = steps.findIndex(({ executor }) => executor === "container");
  return [
    `Container ${containerId.slice(0, 12)}\n\nPrepared on the host:\n\n`,
    ...before,
    "\nExecuted by the monitor:\n\n",
    ...after.slice(0, clone),
    "\nExecuted by the container's process:\n\n",
    ...after.slice(clone),
    "\n",
  ].join("");
}

export function renderExplanationJson(explanation: Explanation): string {
  return `${JSON.stringify(explanation, undefined, 2)}\n`;
}

const number = (place: number): string => `${String(place).padStart(MARGIN - 1)} `;

function proofs(lines: readonly string[]): string {
  return lines.map((line) => `${" ".repeat(MARGIN)}=> ${line}\n`).join("");
}

/** Words wrapped to the width of a page. */
function indented(text: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && MARGIN + line.length + word.length >= WIDTH) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line].map((part) => `${" ".repeat(MARGIN)}${part}\n`).join("");
}
