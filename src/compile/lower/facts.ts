import { diagnostic, type Diagnostic } from '../../diagnostics/diagnostic.ts';
import { nearest } from '../../diagnostics/near.ts';
import type { Span } from '../../diagnostics/source.ts';
import type { Labels } from '../../ir/ir.ts';
import type { InstructionAst, LabelAst, MemoryAst, Word } from '../../syntax/ast.ts';
import { withoutPrefix } from '../arguments.ts';
import { instructionForms } from './forms.ts';
import { parseMemory, suggestMemory } from './memory-size.ts';

/** What a Layerfile says about itself, wherever it says so: facts, not steps. */
export interface Facts {
  readonly memory: { readonly bytes: number; readonly ast: MemoryAst } | null;
  readonly labels: Labels;
}

type Report = (found: Diagnostic) => void;

/** Reads MEMORY and LABEL. */
export function lowerFacts(instructions: readonly InstructionAst[], report: Report): Facts {
  let first: MemoryAst | null = null;
  let memory: Facts['memory'] = null;
  let labels: Labels = { displayName: null, status: null };
  for (const ast of instructions) {
    if (ast.kind === 'label') labels = lowerLabel(labels, ast, report);
    if (ast.kind !== 'memory') continue;
    if (first !== null) {
      report(diagnostic('language/memory-twice', ast.keyword, {}, [{ message: 'it is said here', span: first.span }]));
      continue;
    }
    first = ast;
    const bytes = lowerMemory(ast, report);
    memory = bytes === null ? null : { bytes, ast };
  }
  return { memory, labels };
}

function lowerMemory(ast: MemoryAst, report: Report): number | null {
  const [word, ...extra] = ast.words;
  const last = extra.at(-1);
  if (word === undefined) {
    report(diagnostic('language/missing-argument', ast.keyword, instructionForms.memory));
    return null;
  }
  const whole = ast.words.map((one) => one.value).join(' ');
  const bytes = parseMemory(word.value);
  if (bytes !== null && last === undefined) return bytes;
  const near = suggestMemory(whole);
  if (last === undefined || near !== null) {
    const span = { ...word.span, end: (last ?? word).span.end };
    report(diagnostic('language/memory-size', span, { text: whole === '' ? 'nothing' : whole, near }));
  } else
    report(
      diagnostic(
        'language/extra-argument',
        { ...(extra[0] ?? word).span, end: last.span.end },
        instructionForms.memory,
      ),
    );
  return null;
}

function lowerLabel(before: Labels, ast: LabelAst, report: Report): Labels {
  if (ast.words.length === 0) report(diagnostic('language/missing-argument', ast.keyword, instructionForms.label));
  let labels = before;
  for (const word of ast.words) {
    const equals = word.value.indexOf('=');
    if (equals <= 0) {
      report(diagnostic('language/label-form', word.span, { text: word.value === '' ? 'nothing' : word.value }));
      continue;
    }
    const key = word.value.slice(0, equals);
    const value = word.value.slice(equals + 1);
    if (key === 'display_name') {
      if (/^[A-Za-z0-9_-]+$/.test(value)) labels = { ...labels, displayName: value };
      else {
        const near = value.replace(/[^A-Za-z0-9_-]+/g, '-').replace(/^-+|-+$/g, '');
        report(
          diagnostic('language/label-value', valueSpan(word, equals), {
            key,
            value,
            near: near === '' ? null : `display_name=${near}`,
          }),
        );
      }
    } else if (key === 'status') {
      if (value === 'merge' || value === 'hidden') labels = { ...labels, status: value };
      else {
        const near = nearest(value, ['merge', 'hidden']);
        report(diagnostic('language/label-value', valueSpan(word, equals), { key, value, near }));
      }
    } else {
      const near = nearest(key, ['display_name', 'status']) ?? (/^(name|title)$/i.test(key) ? 'display_name' : null);
      report(diagnostic('language/label-key', keySpan(word, equals), { key, near }));
    }
  }
  return labels;
}

function keySpan(word: Word, equals: number): Span {
  const plain =
    word.parts[0]?.text.startsWith(word.value.slice(0, equals + 1)) === true && word.parts[0].quote === 'none';
  return plain ? { ...word.span, end: word.span.start + equals } : word.span;
}

/** The value behind the `=`; the whole word where it is empty. */
function valueSpan(word: Word, equals: number): Span {
  const plain = word.parts[0]?.quote === 'none' && word.parts[0].text.length > equals;
  if (!plain || equals + 1 >= word.value.length) return word.span;
  return withoutPrefix(word, word.value.slice(0, equals + 1)).span;
}
