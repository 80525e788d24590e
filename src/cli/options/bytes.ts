/** Sizes as docker reads them: "64m", "1.5g", "512MiB", "1000"; units are powers of 1024. */

const POWERS = "kmgtp";

/** Bytes; throws in docker's words. */
export function parseBytes(text: string): number {
  const match = /^(.*[\d. ])([^\d. ]*)$/s.exec(text);
  const number = match?.[1] ?? "";
  const suffix = match?.[2] ?? "";
  const digits = number.endsWith(" ") ? number.slice(0, -1) : number;
  if (!/^(\d+\.?\d*|\.\d+)$/.test(digits)) throw new Error(`invalid size: '${text}'`);
  return Math.trunc(Number(digits) * multiplier(suffix));
}

function multiplier(suffix: string): number {
  const unit = suffix.toLowerCase();
  if (unit === "" || unit === "b") return 1;
  const power = POWERS.indexOf(unit[0] as string) + 1;
  const tail = unit.slice(1);
  if (power === 0 || (tail !== "" && tail !== "b" && tail !== "ib"))
    throw new Error(`invalid suffix: '${suffix}'`);
  return 1024 ** power;
}

/** `--memory-swap`: bytes, or -1 for as much as there is. */
export function parseSwap(text: string): number {
  return text === "-1" ? -1 : parseBytes(text);
}
