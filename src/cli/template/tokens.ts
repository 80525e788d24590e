/** Splits a Go template into literal text and actions, and an action into tokens (text/template/parse/lex.go). */
import { TemplateError } from "./error.ts";

export type TokenKind = "space" | "string" | "number" | "field" | "dot" | "variable" | "word" | "punctuation";

export interface Token {
  kind: TokenKind;
  /** As written; of a string, its value. */
  text: string;
  offset: number;
}

export type Piece = { kind: "text"; text: string } | { kind: "action"; tokens: Token[]; offset: number };

const NAME = "[\\p{L}_][\\p{L}\\p{N}_]*";
const PATTERNS: readonly (readonly [TokenKind, RegExp])[] = [
  ["space", /\s+/y],
  ["string", /"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)+'/y],
  ["number", /[+-]?(?:0[xX][\da-fA-F]+|\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)/y],
  ["field", new RegExp(`\\.${NAME}`, "uy")],
  ["dot", /\./y],
  ["variable", new RegExp(`\\$(?:${NAME})?`, "uy")],
  ["word", new RegExp(NAME, "uy")],
  ["punctuation", /:=|[=|(),]/y],
];

/** The pieces in order; comments are dropped and the `-` of `{{-` and `-}}` has trimmed the text beside it. */
export function tokenize(source: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let trimNext = false;
  for (;;) {
    const open = source.indexOf("{{", at);
    let text = source.slice(at, open === -1 ? undefined : open);
    if (trimNext) text = text.trimStart();
    const trimsLeft = open !== -1 && /^-\s/.test(source.slice(open + 2, open + 4));
    if (trimsLeft) text = text.trimEnd();
    if (text !== "") pieces.push({ kind: "text", text });
    if (open === -1) return pieces;

    const start = open + (trimsLeft ? 3 : 2);
    const action = readAction(source, start);
    if (action.tokens !== undefined) pieces.push({ kind: "action", tokens: action.tokens, offset: open + 2 });
    trimNext = action.trimsRight;
    at = action.end;
  }
}

interface Action {
  /** undefined: a comment. */
  tokens: Token[] | undefined;
  end: number;
  trimsRight: boolean;
}

const CLOSE = /(\s-)?\}\}/y;
const COMMENT = /\s*\/\*[\s\S]*?\*\/(\s-)?\}\}/y;

function readAction(source: string, start: number): Action {
  COMMENT.lastIndex = start;
  const comment = COMMENT.exec(source);
  if (comment !== null)
    return { tokens: undefined, end: COMMENT.lastIndex, trimsRight: comment[1] !== undefined };

  const tokens: Token[] = [];
  let at = start;
  for (;;) {
    CLOSE.lastIndex = at;
    const close = CLOSE.exec(source);
    if (close !== null) return { tokens, end: CLOSE.lastIndex, trimsRight: close[1] !== undefined };
    const token = readToken(source, at);
    tokens.push(token.token);
    at = token.end;
  }
}

function readToken(source: string, at: number): { token: Token; end: number } {
  if (at >= source.length) throw new TemplateError(source, at, "unclosed action");
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const written = pattern.exec(source)?.[0];
    if (written === undefined) continue;
    const text = kind === "string" ? unquote(written, source, at) : written;
    return { token: { kind, text, offset: at }, end: at + written.length };
  }
  const character = source[at] as string;
  if (character === '"') throw new TemplateError(source, at, "unterminated quoted string");
  if (character === "`") throw new TemplateError(source, at, "unterminated raw quoted string");
  if (/[{}]/.test(character)) throw new TemplateError(source, at, `unexpected "${character}" in command`);
  const code = character.codePointAt(0) as number;
  const point = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  throw new TemplateError(source, at, `unrecognized character in action: ${point} '${character}'`);
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
};

/** The value of a Go string literal: "interpreted", `raw`, or a character constant, which is its code point. */
function unquote(written: string, source: string, at: number): string {
  const body = written.slice(1, -1);
  if (written.startsWith("`")) return body;
  const value = body.replace(
    /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|(.))/gs,
    (_, x?: string, u?: string, long?: string, plain = "") => {
      const hex = x ?? u ?? long;
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (`\\"'`.includes(plain)) return plain;
      const control = ESCAPES[plain];
      if (control === undefined) throw new TemplateError(source, at, "unknown escape sequence");
      return control;
    },
  );
  return written.startsWith("'") ? String(value.codePointAt(0)) : value;
}
