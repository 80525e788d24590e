/** Command lines as people are shown them. */

/** The words of an example's first command, up to a pipe, a redirection or a comment, without quotes. */
export function words(example: string): string[] {
  const found: string[] = [];
  const word = /\s*((?:'[^']*'|"[^"]*"|\$\([^)]*\)|[^\s'"|<>;&])+)/y;
  for (let match = word.exec(example); match !== null; match = word.exec(example)) {
    const [, text = ""] = match;
    if (text === "#") break;
    found.push(text.replaceAll(/'([^']*)'|"([^"]*)"/g, "$1$2").replaceAll("$PWD", "/src"));
  }
  return found;
}
