import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { diagnostic } from '../../diagnostics/diagnostic.ts';
import { instructionForms } from './forms.ts';
import type { Span } from '../../diagnostics/source.ts';
import type { LayerId } from '../../ir/ir.ts';
import type { Scope } from '../../ir/walk.ts';
import type { InstructionAst, WaitAst, Word } from '../../syntax/ast.ts';
import type { RepositoryLook } from '../repository-look.ts';

/** What an instruction is lowered in. */
export interface Lowering {
  /** What is in force where the instruction stands. */
  readonly scope: Scope;
  /** Whether all parents are known: false below a FROM that leads nowhere. */
  readonly complete: boolean;
  /** Whether all that may be set is known: false where `complete` is, or on a base machine of unknown making. */
  readonly certain: boolean;
  /** Names that the command line gives a value. */
  readonly given: ReadonlySet<string>;
  readonly repository: RepositoryLook;
  /** Whom each word of a WAIT stands for; words that were reported are left out. */
  readonly waits: (ast: WaitAst) => readonly { readonly id: LayerId; readonly span: Span }[];
  readonly report: (found: Diagnostic) => void;
}

/** The instruction on one line, blanks folded, as a person sees it. */
export function titleOf(ast: InstructionAst): string {
  const text = ast.leaves
    .filter((leaf) => leaf.kind !== 'continuation' && leaf.kind !== 'comment' && leaf.kind !== 'end')
    .map((leaf) => leaf.text)
    .join('');
  return text.replace(/\s+/g, ' ').trim();
}

/** Reports an instruction that has too few words. */
export function reportMissing(lowering: Lowering, ast: InstructionAst): null {
  lowering.report(diagnostic('language/missing-argument', ast.keyword, instructionForms[ast.kind]));
  return null;
}

/** Reports words that an instruction has no place for, all at once. */
export function reportExtra(lowering: Lowering, ast: InstructionAst, extra: readonly Word[]): void {
  const [first] = extra;
  const last = extra.at(-1);
  if (first === undefined || last === undefined) return;
  const span = { ...first.span, end: last.span.end };
  lowering.report(diagnostic('language/extra-argument', span, instructionForms[ast.kind]));
}

/** The only word of an instruction that takes one; what is wrong with their number is reported. */
export function onlyWord(lowering: Lowering, ast: InstructionAst, words: readonly Word[]): Word | null {
  const [first, ...extra] = words;
  reportExtra(lowering, ast, extra);
  return first ?? reportMissing(lowering, ast);
}
