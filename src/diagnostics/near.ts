/**
 * The candidate that a person most likely meant by `word`, or null where none is near enough to say so.
 * Case does not count. Cut-off: an edit for every three letters (one at least); a swap of two neighbours is one edit.
 * Failing that, the only candidate that `word` abbreviates or prolongs (`WEB`, WEBSITE). Ties go to the earlier candidate.
 */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  const typed = word.toUpperCase();
  if (typed.length === 0 || typed.length > 200) return null;
  const all = [...candidates];
  let best: string | null = null;
  let bestDistance = Infinity;
  for (const candidate of all) {
    const cutOff = Math.max(1, Math.floor(Math.max(typed.length, candidate.length) / 3));
    if (Math.abs(typed.length - candidate.length) > cutOff) continue;
    const distance = editDistance(typed, candidate.toUpperCase());
    if (distance > cutOff || distance >= bestDistance) continue;
    // One letter typed for another short word ("A" for "B") says nothing.
    if (distance >= Math.min(typed.length, candidate.length)) continue;
    best = candidate;
    bestDistance = distance;
  }
  if (best !== null) return best;
  const abbreviated = all.filter((candidate) => abbreviates(typed, candidate.toUpperCase()));
  return abbreviated.length === 1 ? (abbreviated[0] ?? null) : null;
}

function abbreviates(typed: string, candidate: string): boolean {
  return Math.min(typed.length, candidate.length) >= 3 && (candidate.startsWith(typed) || typed.startsWith(candidate));
}

/**
 * Damerau–Levenshtein distance, restricted (optimal string alignment): insertions, deletions, replacements and swaps of
 * neighbours that turn one string into the other. Counts UTF-16 units.
 */
export function editDistance(from: string, to: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1];
      let cost = Math.min(at(previous, j) + 1, at(row, j - 1) + 1, at(previous, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        cost = Math.min(cost, at(beforePrevious, j - 2) + 1);
      }
      row.push(cost);
    }
    beforePrevious = previous;
    previous = row;
  }
  return at(previous, to.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
