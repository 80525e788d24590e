/** What `nft list table` prints, taken apart: the rules stay in the words of nft(8), which are what people know. */

export interface NftTable {
  readonly chains: readonly NftChain[];
  /** Sets and maps. */
  readonly maps: readonly NftMap[];
}

export interface NftChain {
  readonly name: string;
  /** "type filter hook forward priority filter; policy accept;" of a chain that the kernel itself calls. */
  readonly hook: string | undefined;
  readonly rules: readonly string[];
}

export interface NftMap {
  readonly name: string;
  readonly elements: readonly NftElement[];
}

export interface NftElement {
  readonly key: string;
  /** What a map has for the key. */
  readonly value: string | undefined;
}

/** One table, as runNft() returns it. */
export function parseNftTable(text: string): NftTable {
  const blocks = [...text.matchAll(/^\t(chain|map|set) (\S+) \{\n(.*?)^\t\}/gms)];
  const parts = blocks.map(([, kind = "", name = "", body = ""]) => ({ kind, name, body }));
  return {
    chains: parts.filter(({ kind }) => kind === "chain").map(chainOf),
    maps: parts.filter(({ kind }) => kind !== "chain").map(mapOf),
  };
}

function chainOf({ name, body }: { name: string; body: string }): NftChain {
  const lines = body
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith('comment "'));
  const isHook = (line: string): boolean => /^type \S+ hook /.test(line);
  return { name, hook: lines.find(isHook), rules: lines.filter((line) => !isHook(line)) };
}

/** Elements go over several lines where they are many. */
function mapOf({ name, body }: { name: string; body: string }): NftMap {
  const list = /^\t\telements = \{ (.*) \}$/ms.exec(body)?.[1];
  const elements = list?.split(/,\s+/).map(elementOf) ?? [];
  return { name, elements };
}

function elementOf(text: string): NftElement {
  const [key = "", value] = text.trim().split(" : ");
  return { key, value };
}
