/** Many byte strings, compiled for finding all of them at once (Aho and Corasick, 1975). */
export interface Patterns {
  /** (node × 256 + byte) → node. Node 0 is the start. */
  readonly next: ReadonlyMap<number, number>;
  /** From the start: byte → node, 0 for none. */
  readonly first: Uint32Array;
  /** The longest proper suffix of a node's text that starts a pattern. */
  readonly fallback: Uint32Array;
  /** Length of a node's text. */
  readonly depth: Uint32Array;
  /** Length of the longest pattern that ends at a node; 0 for none. */
  readonly ends: Uint32Array;
  readonly longest: number;
}

export function compilePatterns(patterns: readonly Uint8Array[]): Patterns {
  const next = new Map<number, number>();
  const capacity = patterns.reduce((sum, pattern) => sum + pattern.length, 1);
  const first = new Uint32Array(256);
  const fallback = new Uint32Array(capacity);
  const depth = new Uint32Array(capacity);
  const ends = new Uint32Array(capacity);
  const children: (readonly [parent: number, byte: number, node: number])[] = [];
  let nodes = 1;
  for (const pattern of patterns) {
    let node = 0;
    for (const byte of pattern) {
      let child = next.get(node * 256 + byte);
      if (child === undefined) {
        child = nodes;
        nodes += 1;
        next.set(node * 256 + byte, child);
        depth[child] = (depth[node] ?? 0) + 1;
        children.push([node, byte, child]);
        if (node === 0) first[byte] = child;
      }
      node = child;
    }
    ends[node] = pattern.length;
  }
  // By depth, so that every fallback is known before it is needed.
  children.sort((a, b) => (depth[a[2]] ?? 0) - (depth[b[2]] ?? 0));
  for (const [parent, byte, node] of children) {
    let suffix = parent;
    let target = 0;
    while (suffix !== 0 && target === 0) {
      suffix = fallback[suffix] ?? 0;
      target = next.get(suffix * 256 + byte) ?? 0;
    }
    fallback[node] = target;
    if (ends[node] === 0) ends[node] = ends[target] ?? 0;
  }
  const longest = patterns.reduce((most, pattern) => Math.max(most, pattern.length), 0);
  return { next, first, fallback, depth, ends, longest };
}

/** Finds patterns in a stream that comes in pieces. Positions count from the stream's start. */
export interface Matcher {
  /** Where patterns ended in this piece: the longest at each end. They may start before it. */
  feed(piece: Uint8Array): readonly { readonly start: number; readonly end: number }[];
  /** From here on a pattern may have begun; before it all is known. */
  open(): number;
}

/** With `skipLineEnds`, CR and LF are not there for the patterns, but belong to what is found around them. */
export function createMatcher(patterns: Patterns, { skipLineEnds }: { readonly skipLineEnds: boolean }): Matcher {
  const { next, first, fallback, depth, ends, longest } = patterns;
  /** Where the last bytes that were looked at stand in the stream. */
  const positions = new Float64Array(longest + 1);
  let looked = 0;
  let node = 0;
  let length = 0;
  const back = (count: number) => positions[(looked - count) % positions.length] ?? 0;

  return {
    feed(piece) {
      const found: { start: number; end: number }[] = [];
      const { length: size } = piece;
      for (let index = 0; index < size; index += 1) {
        if (node === 0) {
          while (index < size && first[piece[index] ?? 0] === 0) index += 1;
          if (index === size) break;
        }
        const byte = piece[index] ?? 0;
        if (skipLineEnds && (byte === 10 || byte === 13)) continue;
        positions[looked % positions.length] = length + index;
        looked += 1;
        let target = next.get(node * 256 + byte);
        while (target === undefined && node !== 0) {
          node = fallback[node] ?? 0;
          target = next.get(node * 256 + byte);
        }
        node = target ?? 0;
        const ended = ends[node] ?? 0;
        if (ended > 0) found.push({ start: back(ended), end: length + index + 1 });
      }
      length += size;
      return found;
    },
    open: () => (node === 0 ? length : back(depth[node] ?? 0)),
  };
}
