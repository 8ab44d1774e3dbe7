import { diagnostic } from '../../diagnostics/diagnostic.ts';
import { editDistance } from '../../diagnostics/near.ts';
import type { Button, Checkpoint, Split, Wait } from '../../ir/ir.ts';
import type { ButtonAst, CheckpointAst, SplitAst, WaitAst } from '../../syntax/ast.ts';
import { type Lowering, onlyWord, reportExtra, reportMissing, titleOf } from './lowering.ts';

export function lowerCheckpoint(lowering: Lowering, ast: CheckpointAst): Checkpoint {
  const [word, ...extra] = ast.words;
  reportExtra(lowering, ast, extra);
  const step = { kind: 'checkpoint', title: titleOf(ast), span: ast.span } as const;
  if (word === undefined) return { ...step, mode: 'here', name: null };
  if (word.value === 'disabled') return { ...step, mode: 'disabled', name: null };
  const name = word.value;
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name)) {
    lowering.report(diagnostic('language/checkpoint-name', word.span, { name: name === '' ? 'nothing' : name }));
  } else if (editDistance(name.toLowerCase(), 'disabled') <= 2) {
    lowering.report(diagnostic('language/checkpoint-disabled', word.span, { name }));
  }
  return { ...step, mode: 'here', name };
}

export function lowerSplit(lowering: Lowering, ast: SplitAst): Split | null {
  const word = onlyWord(lowering, ast, ast.words);
  if (word === null) return null;
  const count = splitCount(word.value);
  if (count === null) {
    lowering.report(
      diagnostic('language/split-count', word.span, { text: word.value === '' ? 'nothing' : word.value }),
    );
    return null;
  }
  const before = lowering.scope.split;
  if (before !== null) {
    const notes = [{ message: 'the first SPLIT of this chain is here', span: before.span }];
    lowering.report(diagnostic('graph/second-split', ast.keyword, {}, notes));
    return null;
  }
  return { kind: 'split', count, unordered: ast.unordered !== null, title: titleOf(ast), span: ast.span };
}

/** The number of copies that a word gives; null where it gives none. */
export function splitCount(text: string): number | null {
  return /^0*([1-9]\d{0,3}|10000)$/.test(text) ? Number(text) : null;
}

export function lowerWait(lowering: Lowering, ast: WaitAst): Wait | null {
  if (ast.layerfiles.length === 0) return reportMissing(lowering, ast);
  return { kind: 'wait', layers: lowering.waits(ast), title: titleOf(ast), span: ast.span };
}

export function lowerButton(lowering: Lowering, ast: ButtonAst): Button | null {
  if (ast.message === null) return reportMissing(lowering, ast);
  const message = ast.message.value.replace(/^(["'])(.*)\1$/s, '$2');
  return { kind: 'button', message, title: titleOf(ast), span: ast.span };
}
