/** What a recipe holds: a line (a command, or a comment), or a block up to its END. */
export type Item = string | Block;

export interface Block {
  readonly open: string;
  readonly body: readonly Item[];
}

/** A target of the Earthfile. */
export interface Recipe {
  readonly name: string;
  /** Without the `#`. */
  readonly comment: string;
  readonly body: readonly Item[];
}

export interface EarthfileDocument {
  /** Lines of the comment on top, without the `#`. */
  readonly head: readonly string[];
  /** VERSION's flags, without dashes. */
  readonly features: readonly string[];
  readonly recipes: readonly Recipe[];
}

/** The text of an Earthfile, indented by four spaces. */
export function printDocument({ head, features, recipes }: EarthfileDocument): string {
  const version = ['VERSION', ...features.map((one) => `--${one}`), '0.8'].join(' ');
  const lines = [...head.map((line) => `# ${line}`), version];
  for (const { name, comment, body } of recipes) {
    lines.push('', `# ${comment}`, `${name}:`, ...body.flatMap((item) => printItem(item, '    ')));
  }
  return `${lines.join('\n')}\n`;
}

function printItem(item: Item, indent: string): readonly string[] {
  if (typeof item === 'string') return [`${indent}${item}`];
  return [`${indent}${item.open}`, ...item.body.flatMap((one) => printItem(one, `${indent}    `)), `${indent}END`];
}
