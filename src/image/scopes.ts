/**
 * Scopes of bearer tokens (distribution's "Token Scope Documentation"): TYPE:NAME:ACTION[,ACTION…], several separated by
 * blanks. A name may have colons of its own.
 */

/**
 * One list out of several, in which each resource is named once with all actions that are wanted of it; the order is
 * that of first mention. What is no scope by the grammar is passed on as it is: the service will know what it means.
 */
export function mergeScopes(...lists: readonly string[]): string[] {
  const actions = new Map<string, Set<string>>();
  for (const scope of lists.flatMap((list) => list.split(/\s+/)).filter((scope) => scope !== "")) {
    const colon = scope.lastIndexOf(":");
    const [resource, wanted] =
      colon > scope.indexOf(":") ? [scope.slice(0, colon), scope.slice(colon + 1).split(",")] : [scope, []];
    const known = actions.get(resource) ?? new Set<string>();
    for (const action of wanted) if (action !== "") known.add(action);
    actions.set(resource, known);
  }
  return [...actions].map(([resource, wanted]) =>
    wanted.size === 0 ? resource : `${resource}:${[...wanted].join(",")}`,
  );
}
