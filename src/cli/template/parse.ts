/** The syntax tree of a template (text/template/parse). */
import { TemplateError } from "./error.ts";
import { type Piece, type Token, tokenize } from "./tokens.ts";

export type Node =
  | { kind: "text"; text: string }
  | { kind: "print"; pipe: Pipe }
  | { kind: "if" | "with" | "range"; pipe: Pipe; body: Node[]; otherwise: Node[] }
  | { kind: "break" | "continue" }
  /** Without `pipe` it is applied to nothing. */
  | { kind: "template"; name: string; pipe: Pipe | undefined; offset: number };

/** A template with those that it defines, by their names. */
export interface Parsed {
  nodes: Node[];
  definitions: ReadonlyMap<string, Node[]>;
}

/** `$a, $b := command | command`. */
export interface Pipe {
  variables: string[];
  /** `=` to a variable that is there already, instead of `:=`. */
  assigns: boolean;
  commands: Operand[][];
}

export type Operand = (
  | { kind: "literal"; value: unknown }
  | { kind: "function"; name: string }
  /** `.` and what follows it, `$name` and what follows it, `(pipe)` and what follows it. */
  | { kind: "dot"; path: string[] }
  | { kind: "variable"; name: string; path: string[] }
  | { kind: "pipe"; pipe: Pipe; path: string[] }
) & { offset: number; written: string };

/** Parses a template; `functions` are the names that may be called. Throws TemplateError. */
export function parseTemplate(source: string, functions: ReadonlySet<string>): Parsed {
  const pieces = tokenize(source);
  const definitions = new Map<string, Node[]>();
  const reader: Reader = { source, pieces, at: 0, functions, definitions, blocks: 0, loops: 0 };
  const { nodes, end } = readBlock(reader);
  if (end !== undefined) throw new TemplateError(source, end.offset, `unexpected {{${end.keyword}}}`);
  return { nodes, definitions };
}

interface Reader {
  source: string;
  pieces: Piece[];
  at: number;
  functions: ReadonlySet<string>;
  definitions: Map<string, Node[]>;
  /** How many blocks enclose this place. */
  blocks: number;
  /** How many {{range}}s enclose this place. */
  loops: number;
}

/** The {{end}} or {{else …}} that closed a block; `rest` is what follows "else". */
interface End {
  keyword: "end" | "else";
  rest: Cursor;
  offset: number;
}

function readBlock(reader: Reader): { nodes: Node[]; end: End | undefined } {
  const nodes: Node[] = [];
  for (;;) {
    const piece = reader.pieces[reader.at++];
    if (piece === undefined) return { nodes, end: undefined };
    if (piece.kind === "text") {
      nodes.push({ kind: "text", text: piece.text });
      continue;
    }
    const cursor = new Cursor(reader, piece.tokens, piece.offset);
    const keyword = cursor.peekWord();
    if (keyword === "end" || keyword === "else") {
      cursor.next();
      if (keyword === "end") cursor.expectEnd("end");
      return { nodes, end: { keyword, rest: cursor, offset: piece.offset } };
    }
    if (keyword === "define") {
      cursor.next();
      readDefinition(reader, cursor);
    } else nodes.push(readNode(reader, cursor, keyword));
  }
}

function readNode(reader: Reader, cursor: Cursor, keyword: string | undefined): Node {
  switch (keyword) {
    case "if":
    case "with":
    case "range":
      cursor.next();
      return readControl(reader, cursor, keyword);
    case "break":
    case "continue":
      cursor.next();
      cursor.expectEnd(keyword);
      if (reader.loops === 0) throw cursor.error(`{{${keyword}}} outside {{range}}`);
      return { kind: keyword };
    case "template":
    case "block":
      cursor.next();
      return readTemplate(reader, cursor, keyword);
    default:
      return { kind: "print", pipe: readPipe(cursor, undefined) };
  }
}

/** Up to its {{end}}; what it is in ends here, but for the definitions. */
function readBody(reader: Reader, loops: number): { nodes: Node[]; end: End } {
  const outer = reader.loops;
  reader.loops = loops;
  reader.blocks++;
  const { nodes, end } = readBlock(reader);
  reader.blocks--;
  reader.loops = outer;
  if (end === undefined) throw new TemplateError(reader.source, reader.source.length, "unexpected EOF");
  return { nodes, end };
}

function readDefinition(reader: Reader, cursor: Cursor): void {
  if (reader.blocks > 0) throw cursor.error("unexpected {{define}}");
  const name = readName(cursor, "define clause");
  cursor.expectEnd("define clause");
  define(reader, cursor, name);
}

function define(reader: Reader, cursor: Cursor, name: string): void {
  const { nodes, end } = readBody(reader, 0);
  if (end.keyword === "else") throw cursor.error("unexpected {{else}} in define clause");
  if (reader.definitions.has(name))
    throw cursor.error(`multiple definition of template ${JSON.stringify(name)}`);
  reader.definitions.set(name, nodes);
}

/** `{{block}}` is a definition, and its use in the same place. */
function readTemplate(reader: Reader, cursor: Cursor, keyword: "template" | "block"): Node {
  const name = readName(cursor, `${keyword} clause`);
  cursor.skipSpace();
  const isBare = keyword === "template" && cursor.peek() === undefined;
  const pipe = isBare ? undefined : readPipe(cursor, `${keyword} clause`);
  if (keyword === "block") define(reader, cursor, name);
  return { kind: "template", name, pipe, offset: cursor.offset };
}

function readName(cursor: Cursor, context: string): string {
  cursor.skipSpace();
  const token = cursor.next();
  if (token === undefined) throw cursor.error(`missing name in ${context}`);
  if (token.kind !== "string") throw cursor.unexpected(token, context);
  return token.text;
}

function readControl(reader: Reader, cursor: Cursor, kind: "if" | "with" | "range"): Node {
  const pipe = readPipe(cursor, kind);
  const { nodes: body, end } = readBody(reader, reader.loops + (kind === "range" ? 1 : 0));
  return { kind, pipe, body, otherwise: end.keyword === "else" ? readElse(reader, end.rest, kind) : [] };
}

/** What follows {{else}}, up to its {{end}}; `{{else if}}` and `{{else with}}` nest. */
function readElse(reader: Reader, cursor: Cursor, kind: "if" | "with" | "range"): Node[] {
  const chained = cursor.peekWord();
  if (chained !== undefined && chained === kind && kind !== "range") {
    cursor.next();
    return [readControl(reader, cursor, kind)];
  }
  cursor.expectEnd("else");
  const { nodes, end } = readBody(reader, reader.loops);
  if (end.keyword === "else")
    throw new TemplateError(reader.source, end.offset, "expected end; found {{else}}");
  return nodes;
}

function readPipe(cursor: Cursor, context: string | undefined, closing = ""): Pipe {
  const { variables, assigns } = readDeclaration(cursor, context);
  const commands: Operand[][] = [];
  for (;;) {
    commands.push(readCommand(cursor, context ?? "command"));
    cursor.skipSpace();
    const token = cursor.next();
    if (token === undefined && closing === "") return { variables, assigns, commands };
    if (token?.text === closing && token.kind === "punctuation") return { variables, assigns, commands };
    if (token === undefined) throw cursor.error("unclosed left paren");
    if (token.kind !== "punctuation" || token.text !== "|")
      throw cursor.unexpected(token, context ?? "command");
  }
}

function readDeclaration(
  cursor: Cursor,
  context: string | undefined,
): { variables: string[]; assigns: boolean } {
  const start = cursor.at;
  const variables: string[] = [];
  for (;;) {
    cursor.skipSpace();
    const variable = cursor.next();
    if (variable?.kind !== "variable") break;
    cursor.skipSpace();
    const operator = cursor.next();
    variables.push(variable.text);
    if (operator?.text === ":=" || operator?.text === "=")
      return { variables, assigns: operator.text === "=" };
    if (operator?.text !== "," || context !== "range" || variables.length > 1) break;
  }
  cursor.at = start;
  return { variables: [], assigns: false };
}

function readCommand(cursor: Cursor, context: string): Operand[] {
  const operands: Operand[] = [];
  for (;;) {
    cursor.skipSpace();
    const operand = readOperand(cursor);
    if (operand === undefined) break;
    operands.push(operand);
  }
  if (operands.length === 0) throw cursor.error(`missing value for ${context}`);
  const [first] = operands as [Operand];
  if (first.kind === "literal" && operands.length > 1) {
    throw cursor.error(`can't give argument to non-function ${first.written}`);
  }
  return operands;
}

const CONSTANTS = new Map<string, unknown>([
  ["true", true],
  ["false", false],
  ["nil", null],
]);

function readOperand(cursor: Cursor): Operand | undefined {
  const token = cursor.peek();
  if (token === undefined) return undefined;
  const { offset } = token;
  const done = <T extends object>(operand: T): T & { offset: number; written: string } => ({
    ...operand,
    offset,
    written: cursor.writtenSince(offset),
  });

  switch (token.kind) {
    case "string":
      cursor.next();
      return done({ kind: "literal", value: token.text } as const);
    case "number":
      cursor.next();
      return done({ kind: "literal", value: Number(token.text.replaceAll("_", "")) } as const);
    case "field":
      return done({ kind: "dot", path: readPath(cursor) } as const);
    case "dot":
      cursor.next();
      return done({ kind: "dot" as const, path: [] });
    case "variable":
      cursor.next();
      return done({ kind: "variable", name: token.text, path: readPath(cursor) } as const);
    case "word": {
      cursor.next();
      if (CONSTANTS.has(token.text))
        return done({ kind: "literal", value: CONSTANTS.get(token.text) } as const);
      if (!cursor.reader.functions.has(token.text))
        throw cursor.error(`function "${token.text}" not defined`);
      return done({ kind: "function", name: token.text } as const);
    }
    default: {
      if (token.text !== "(") return undefined;
      cursor.next();
      const pipe = readPipe(cursor, undefined, ")");
      return done({ kind: "pipe", pipe, path: readPath(cursor) } as const);
    }
  }
}

/** `.A.B`, with no space in between. */
function readPath(cursor: Cursor): string[] {
  const path: string[] = [];
  while (cursor.peek()?.kind === "field") path.push((cursor.next() as Token).text.slice(1));
  return path;
}

class Cursor {
  at = 0;
  readonly reader: Reader;
  readonly tokens: Token[];
  readonly offset: number;

  constructor(reader: Reader, tokens: Token[], offset: number) {
    this.reader = reader;
    this.tokens = tokens;
    this.offset = offset;
  }

  peek(): Token | undefined {
    return this.tokens[this.at];
  }

  next(): Token | undefined {
    return this.tokens[this.at++];
  }

  skipSpace(): void {
    while (this.peek()?.kind === "space") this.at++;
  }

  peekWord(): string | undefined {
    this.skipSpace();
    const token = this.peek();
    return token?.kind === "word" ? token.text : undefined;
  }

  expectEnd(context: string): void {
    this.skipSpace();
    const token = this.peek();
    if (token !== undefined) throw this.unexpected(token, context);
  }

  writtenSince(offset: number): string {
    const next = this.peek();
    const text = this.reader.source.slice(offset, next?.offset);
    return next === undefined ? text.replace(/\s*-?\}\}[\s\S]*$/, "") : text;
  }

  unexpected(token: Token, context: string): TemplateError {
    return new TemplateError(
      this.reader.source,
      token.offset,
      `unexpected ${JSON.stringify(token.text)} in ${context}`,
    );
  }

  error(reason: string): TemplateError {
    return new TemplateError(this.reader.source, this.offset, reason);
  }
}
