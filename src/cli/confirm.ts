/** A question before something that cannot be undone. */
import type { Context } from "./command.ts";

/** Whether the answer, a line of standard input, is y or yes; an input that ends without one is a no. */
export async function confirm(question: string, context: Context): Promise<boolean> {
  context.out(`${question}\nAre you sure you want to continue? [y/N] `);
  const answer = await readLine(context);
  return /^y(es)?$/i.test(answer.trim());
}

async function readLine({ terminal }: Context): Promise<string> {
  const input = terminal.input();
  let text = "";
  for await (const chunk of input) {
    text += String(chunk);
    if (text.includes("\n")) break;
  }
  return text.split("\n")[0] ?? "";
}
