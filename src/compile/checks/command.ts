import type { Span } from '../../diagnostics/source.ts';
import type { Run } from '../../ir/ir.ts';
import { lookIntoShell, type ShellLook } from '../../ir/shell.ts';
import type { InstructionAst } from '../../syntax/ast.ts';
import type { CheckedLayerfile } from './rule.ts';
import type { LoweredStep } from '../lower.ts';

/** A RUN with a look into its command. */
export interface LookedRun {
  readonly run: Run;
  readonly lowered: LoweredStep;
  readonly look: ShellLook;
  /** The part of the file for offsets of the command. */
  readonly place: (start: number, end: number) => Span;
}

const looked = new WeakMap<CheckedLayerfile, readonly LookedRun[]>();

/** All RUN, RUN BACKGROUND and RUN REPEATABLE of a Layerfile, each command looked into once. */
export function runsOf(checked: CheckedLayerfile): readonly LookedRun[] {
  const known = looked.get(checked);
  if (known !== undefined) return known;
  const runs = checked.steps.flatMap((lowered): readonly LookedRun[] => {
    const { step: run, ast } = lowered;
    if (run.kind !== 'run') return [];
    return [{ run, lowered, look: lookIntoShell(run.command), place: (start, end) => placeInCommand(ast, start, end) }];
  });
  looked.set(checked, runs);
  return runs;
}

/** Continuations and comments stand between the pieces of a command; its offsets are mapped piece by piece. */
function placeInCommand(ast: InstructionAst, start: number, end: number): Span {
  const text = 'command' in ast ? ast.command : null;
  if (text === null) return ast.span;
  const pieces = ast.leaves.filter(
    ({ kind, span }) => kind === 'text' && span.start >= text.span.start && span.end <= text.span.end,
  );
  if (pieces.reduce((length, piece) => length + piece.text.length, 0) !== text.value.length) return text.span;
  let at = 0;
  let first: number | null = null;
  for (const piece of pieces) {
    const next = at + piece.text.length;
    if (first === null && start < next) first = piece.span.start + start - at;
    if (first !== null && end <= next) return { file: text.span.file, start: first, end: piece.span.start + end - at };
    at = next;
  }
  return text.span;
}
