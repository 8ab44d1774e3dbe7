import type { LayerfileAst, Leaf, LeafKind } from './ast.ts';

/** How many empty lines in a row are kept. */
const mostEmptyLines = 2;

const meaningless: ReadonlySet<LeafKind> = new Set<LeafKind>(['blank', 'continuation', 'comment', 'end']);

/**
 * The file's text in its usual layout. Only what means nothing changes: blanks before lines, at their ends, and between the
 * words of keywords and arguments; line ends (LF); a byte order mark; continuations that continue nothing; empty lines, of
 * which two in a row stay, and none at either end; a line end at the end. Commands, words, comments, the order of lines and the
 * indentation of continued lines stay as they are, and so do lines that are no instruction, apart from blanks at their ends.
 * Formatting again changes nothing.
 */
export function formatLayerfile(ast: LayerfileAst): string {
  const texts: string[] = [];
  let emptyLines = 0;
  for (const { leaves } of ast.lines) {
    const { text, endsInEmptyLine } = formatLine(leaves);
    if (text === '') {
      emptyLines++;
      continue;
    }
    if (texts.length > 0) texts.push('\n'.repeat(Math.min(emptyLines, mostEmptyLines)));
    texts.push(text);
    emptyLines = endsInEmptyLine ? 1 : 0;
  }
  const whole = texts.join('');
  // A word that begins with this character must not come to be a byte order mark.
  return whole.startsWith('\uFEFF') ? `\uFEFF${whole}` : whole;
}

interface FormattedLine {
  /** With its line end; empty where nothing stands in the line. */
  readonly text: string;
  readonly endsInEmptyLine: boolean;
}

function formatLine(leaves: readonly Leaf[]): FormattedLine {
  const first = leaves.findIndex(({ kind }) => !meaningless.has(kind));
  const solid = first < 0 ? [] : leaves.slice(first, leaves.findLastIndex(({ kind }) => !meaningless.has(kind)) + 1);
  const before = first < 0 ? leaves : leaves.slice(0, first);
  const after = first < 0 ? [] : leaves.slice(first + solid.length);
  const continuesNothing = (first < 0 ? before : after).some(({ kind }) => kind === 'continuation');

  // Without the continuation after it, a backslash that is text would continue the line, whatever blanks it escapes.
  if (continuesNothing && /\\[ \t]*$/.test(solid.at(-1)?.text ?? '')) {
    const whole = [...commentLines(before), formatSolid([...solid, ...withoutBlankBeforeEnd(after)])].join('');
    return { text: whole.endsWith('\n') ? whole : `${whole}\n`, endsInEmptyLine: false };
  }

  // A comment after an argument stays beside it; those of continued lines without anything more become lines of their own.
  const beside = continuesNothing
    ? ''
    : after
        .filter(({ kind }) => kind !== 'end')
        .map(({ text }) => text)
        .join('');
  const text = [
    ...commentLines(before),
    solid.length === 0 ? '' : `${formatSolid(solid)}${withoutBlanksAtEnd(beside)}\n`,
    ...(continuesNothing ? commentLines(after) : []),
  ].join('');
  return { text, endsInEmptyLine: continuesNothing && leaves.at(-1)?.kind === 'end' };
}

/** What stands from the first leaf that means something. */
function formatSolid(leaves: readonly Leaf[]): string {
  return leaves
    .map(({ kind, text }, index) => {
      if (kind === 'continuation') return text.startsWith('\\') ? '\\\n' : '\n';
      if (kind === 'end') return '\n';
      if (kind === 'comment') return withoutBlanksAtEnd(text);
      if (kind === 'blank' && isToken(leaves[index - 1]) && isToken(leaves[index + 1])) return ' ';
      return text;
    })
    .join('');
}

function withoutBlankBeforeEnd(leaves: readonly Leaf[]): readonly Leaf[] {
  return leaves.filter(({ kind }, index) => {
    const next = leaves[index + 1];
    return kind !== 'blank' || (next !== undefined && next.kind !== 'end');
  });
}

function isToken(leaf: Leaf | undefined): boolean {
  return leaf !== undefined && !meaningless.has(leaf.kind);
}

function commentLines(leaves: readonly Leaf[]): readonly string[] {
  return leaves.filter(({ kind }) => kind === 'comment').map(({ text }) => `${withoutBlanksAtEnd(text)}\n`);
}

function withoutBlanksAtEnd(text: string): string {
  let end = text.length;
  while (text[end - 1] === ' ' || text[end - 1] === '\t') end--;
  return text.slice(0, end);
}
