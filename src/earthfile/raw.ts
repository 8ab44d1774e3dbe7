/** What the generated parser returns: flat, cheap to make, turned into the tree by parse.ts. */
export interface RawEarthfile {
  readonly bom: RawPiece | null;
  readonly lines: readonly RawLine[];
  readonly faults: readonly RawFault[];
}

/** Kind, text, start, end (UTF-16 offsets), and what it is to a command. */
export type RawPiece = readonly [
  kind: 'name' | 'keyword' | 'word' | 'equals' | 'blank' | 'comment' | 'end' | 'invalid',
  text: string,
  start: number,
  end: number,
  role: 'keyword' | 'word' | 'name' | 'equals' | 'value' | undefined,
];

export interface RawLine {
  readonly kind: 'blank' | 'comment' | 'header' | 'command' | 'invalid';
  readonly pieces: readonly RawPiece[];
}

export interface RawFault {
  readonly what: 'unclosed-quote' | 'lone-backslash' | 'unknown-command' | 'late-equals';
  readonly start: number;
  readonly end: number;
  readonly detail: string;
}
