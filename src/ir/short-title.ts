/** A longer instruction is cut where a sentence or a line names it. */
const longest = 72;

/** An instruction's title, short enough for a sentence: one that is longer ends in `…`. */
export function shortTitle(title: string): string {
  return title.length > longest ? `${title.slice(0, longest - 1).replace(/[\ud800-\udbff]$/, '')}…` : title;
}
