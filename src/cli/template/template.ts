/** Go's text/template, as far as `--format` needs it: compiled once, executed for each row. */
import { TemplateError } from "./error.ts";
import { builtins, type TemplateFunctions } from "./functions.ts";
import { type Node, type Operand, type Parsed, type Pipe, parseTemplate } from "./parse.ts";
import { format, isMap, isObject, isTrue } from "./values.ts";

export interface Template {
  /** Applies the template; throws TemplateError where it asks for what the data does not have. */
  execute(data: unknown, functions?: TemplateFunctions): string;
}

/** A template that applies itself without end is an error, and no full stack. */
const MAX_DEPTH = 1000;

/** `and` and `or` stop at the operand that decides, so they are evaluated here and not called. */
const SHORT_CIRCUIT = new Set(["and", "or"]);

export function compile(source: string): Template {
  const { nodes, definitions } = parseTemplate(source, new Set([...Object.keys(builtins), ...SHORT_CIRCUIT]));
  return {
    execute(data, functions = builtins) {
      const run: Run = { source, functions, definitions, depth: 0, output: [] };
      walk(nodes, data, new Map([["$", { value: data }]]), run);
      return run.output.join("");
    },
  };
}

interface Run {
  source: string;
  functions: TemplateFunctions;
  definitions: Parsed["definitions"];
  /** How many {{template}}s are at work in each other. */
  depth: number;
  output: string[];
}

/** Boxed, so that `=` in an inner block is seen outside of it. */
type Scope = ReadonlyMap<string, { value: unknown }>;
type Flow = "break" | "continue" | undefined;

function walk(nodes: readonly Node[], dot: unknown, outer: Scope, run: Run): Flow {
  const scope = new Map(outer);
  for (const node of nodes) {
    const flow = step(node, dot, scope, run);
    if (flow !== undefined) return flow;
  }
  return undefined;
}

function step(node: Node, dot: unknown, scope: Map<string, { value: unknown }>, run: Run): Flow {
  switch (node.kind) {
    case "text":
      run.output.push(node.text);
      return undefined;
    case "print": {
      const value = pipeline(node.pipe, dot, scope, run);
      if (node.pipe.variables.length > 0) bind(node.pipe, [value], scope, run);
      else run.output.push(format(value));
      return undefined;
    }
    case "if":
    case "with": {
      const value = pipeline(node.pipe, dot, scope, run);
      const inner = new Map(scope);
      if (node.pipe.variables.length > 0) bind(node.pipe, [value], inner, run);
      if (!isTrue(value)) return walk(node.otherwise, dot, inner, run);
      return walk(node.body, node.kind === "with" ? value : dot, inner, run);
    }
    case "range":
      return range(node, dot, scope, run);
    case "template":
      apply(node, dot, scope, run);
      return undefined;
    default:
      return node.kind;
  }
}

/** It sees its own data, and none of the variables here. */
function apply(node: Extract<Node, { kind: "template" }>, dot: unknown, scope: Scope, run: Run): void {
  const written = `{{template ${JSON.stringify(node.name)}}}`;
  const fail = (reason: string) => new TemplateError(run.source, node.offset, reason, written);
  const body = run.definitions.get(node.name);
  if (body === undefined) throw fail(`template ${JSON.stringify(node.name)} not defined`);
  if (run.depth === MAX_DEPTH) throw fail(`exceeded maximum template depth (${MAX_DEPTH})`);
  const data = node.pipe === undefined ? undefined : pipeline(node.pipe, dot, scope, run);
  run.depth++;
  walk(body, data, new Map([["$", { value: data }]]), run);
  run.depth--;
}

function range(
  node: Extract<Node, { pipe: Pipe; body: Node[] }>,
  dot: unknown,
  scope: Scope,
  run: Run,
): Flow {
  const items = entriesOf(pipeline(node.pipe, dot, scope, run), node.pipe, run);
  if (items.length === 0) return walk(node.otherwise, dot, scope, run);
  for (const [key, item] of items) {
    const inner = new Map(scope);
    if (node.pipe.variables.length > 0)
      bind(node.pipe, node.pipe.variables.length > 1 ? [key, item] : [item], inner, run);
    if (walk(node.body, item, inner, run) === "break") break;
  }
  return undefined;
}

function entriesOf(value: unknown, pipe: Pipe, run: Run): [unknown, unknown][] {
  if (value === undefined || value === null) return [];
  if (typeof value === "number") return Array.from({ length: value }, (_, at) => [at, at]);
  if (Array.isArray(value)) return value.map((item, at) => [at, item]);
  if (isMap(value))
    return Object.keys(value)
      .sort()
      .map((key) => [key, value[key]]);
  const operand = pipe.commands[0]?.[0] as Operand;
  throw new TemplateError(
    run.source,
    operand.offset,
    `range can't iterate over ${format(value)}`,
    operand.written,
  );
}

function bind(pipe: Pipe, values: unknown[], scope: Map<string, { value: unknown }>, run: Run): void {
  pipe.variables.forEach((name, at) => {
    const box = scope.get(name);
    if (!pipe.assigns) scope.set(name, { value: values[at] });
    else if (box !== undefined) box.value = values[at];
    else throw new TemplateError(run.source, 0, `undefined variable "${name}"`);
  });
}

const NOTHING = Symbol("no piped value");

function pipeline(pipe: Pipe, dot: unknown, scope: Scope, run: Run): unknown {
  let value: unknown = NOTHING;
  for (const command of pipe.commands) value = execute(command, value, { dot, scope, run });
  return value;
}

interface Place {
  dot: unknown;
  scope: Scope;
  run: Run;
}

/** One command: its first operand, called with the others and with what was piped into it. */
function execute(command: readonly Operand[], piped: unknown, place: Place): unknown {
  const [first, ...rest] = command as [Operand, ...Operand[]];
  const fail = (reason: string) => new TemplateError(place.run.source, first.offset, reason, first.written);
  if (first.kind === "function" && SHORT_CIRCUIT.has(first.name))
    return shortCircuit(first.name, rest, piped, place);

  const args = rest.map((operand) => evaluate(operand, [], place));
  if (piped !== NOTHING) args.push(piped);
  if (first.kind !== "function") {
    const value = evaluate(first, args, place);
    return value;
  }
  try {
    return (place.run.functions[first.name] as (...values: unknown[]) => unknown)(...args);
  } catch (error) {
    throw error instanceof TemplateError
      ? error
      : fail(`error calling ${first.name}: ${(error as Error).message}`);
  }
}

function shortCircuit(name: string, operands: readonly Operand[], piped: unknown, place: Place): unknown {
  const stopsAt = name === "or";
  let value: unknown = piped === NOTHING ? undefined : piped;
  for (const operand of operands) {
    value = evaluate(operand, [], place);
    if (isTrue(value) === stopsAt) return value;
  }
  return piped === NOTHING ? value : piped;
}

function evaluate(operand: Operand, args: unknown[], place: Place): unknown {
  const { dot, scope, run } = place;
  const fail = (reason: string) => new TemplateError(run.source, operand.offset, reason, operand.written);
  switch (operand.kind) {
    case "literal":
      if (args.length > 0) throw fail(`can't give argument to non-function ${operand.written}`);
      return operand.value;
    case "function":
      return execute([operand], NOTHING, place);
    case "dot":
      return follow(dot, operand.path, args, fail);
    case "variable": {
      const box = scope.get(operand.name);
      if (box === undefined) throw fail(`undefined variable "${operand.name}"`);
      return follow(box.value, operand.path, args, fail);
    }
    default:
      return follow(pipeline(operand.pipe, dot, scope, run), operand.path, args, fail);
  }
}

/** `.A.B args`: the arguments go to the last name, where that is a function of the data. */
function follow(
  start: unknown,
  path: readonly string[],
  args: unknown[],
  fail: (reason: string) => Error,
): unknown {
  const value = path.reduce((object, name) => {
    if (object === undefined || object === null) throw fail(`nil data; no entry for key "${name}"`);
    if (!isObject(object)) throw fail(`can't evaluate field ${name} in type ${typeof object}`);
    if (Object.hasOwn(object, name)) return object[name];
    if (isMap(object)) return undefined;
    throw fail(`map has no entry for key "${name}"`);
  }, start);
  if (typeof value === "function") return value(...args);
  if (args.length > 0) throw fail(`${path.at(-1) ?? "."} has arguments but cannot be invoked as function`);
  return value;
}
