/** system check: whether the store is what its documents say, and with `repair` that it is so again. */
import { findUnreferenced, removeUnreferenced } from "../../store/collect.ts";
import { sweep } from "../cleanup.ts";
import type { EngineContext } from "../context.ts";
import { imageUsers } from "../image-users.ts";
import { examine } from "./examine.ts";
import { repair } from "./repair.ts";
import type { CheckOptions, Fault, StoreFinding, StoreReport } from "./report.ts";

/** How long the removal of leftovers waits for commands that hold the store. */
const COLLECT_TIMEOUT_MS = 5000;
/** What is mended can show more: the manifest that was lost names layers. */
const ROUNDS = 3;

export async function checkStore(context: EngineContext, options: CheckOptions = {}): Promise<StoreReport> {
  const { paths } = context;
  const { signal } = options;
  await sweep(context);
  let { faults, checked } = await examine(paths, options);
  const all = new Map<string, Fault>();
  for (let round = 1; ; round++) {
    for (const fault of faults) all.set(fault.subject, fault);
    if (!options.repair || faults.length === 0) break;
    await repair(context, faults, signal);
    const mended = faults.filter(({ repaired }) => repaired !== undefined);
    if (mended.length === 0 || round === ROUNDS) break;
    // The next look also proves the repairs. What it no longer finds and was not mended, something else has mended.
    ({ faults, checked } = await examine(paths, options));
    const left = new Set(faults.map(({ subject }) => subject));
    for (const [subject, { repaired }] of all)
      if (repaired === undefined && !left.has(subject)) all.delete(subject);
  }
  const findings = [...all.values()].map(({ remedy: _, subject: __, ...finding }): StoreFinding => finding);
  return { findings, checked, ...(await leftoversOf(context, findings, options)) };
}

async function leftoversOf(
  { paths }: EngineContext,
  findings: readonly StoreFinding[],
  { repair = false, signal }: CheckOptions,
): Promise<Pick<StoreReport, "leftovers" | "reclaimed">> {
  const inUse = () => imageUsers(paths).flatMap(({ layers }) => layers);
  // An image whose documents are lost cannot say what it needs: nothing is removed before that is mended.
  if (findings.some(({ repaired }) => repaired === undefined)) return { leftovers: undefined, reclaimed: 0 };
  if (!repair) return { leftovers: findUnreferenced(paths, inUse), reclaimed: 0 };
  const timeout = { timeoutMs: COLLECT_TIMEOUT_MS, ...(signal ? { signal } : {}) };
  const { bytes } = await removeUnreferenced(paths, inUse, timeout).catch(ifBusy);
  return { leftovers: findUnreferenced(paths, inUse), reclaimed: bytes };
}

function ifBusy(error: unknown): { bytes: number } {
  if ((error as { code?: string }).code === "ERR_TSRUN_LOCK_TIMEOUT") return { bytes: 0 };
  throw error;
}
