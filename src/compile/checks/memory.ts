import { diagnostic } from '../../diagnostics/diagnostic.ts';
import { printMemory } from '../lower/memory-size.ts';
import { chainUp, type Rule } from './rule.ts';

/** MEMORY belongs above every RUN of its file. */
export const checkLateMemory: Rule = ({ memory, steps }, report) => {
  if (memory === null) return;
  const run = steps.find(({ step }) => step.kind === 'run');
  if (run === undefined || run.ast.span.start > memory.ast.span.start) return;
  report(
    diagnostic('lint/late-memory', memory.ast.keyword, {}, [
      { message: 'it counts for this RUN, too', span: run.ast.keyword },
    ]),
  );
};

/** A child with more memory than its parents builds their steps again. */
export const checkGrowingMemory: Rule = (checked, report) => {
  const { memory, parent } = checked;
  if (memory === null || parent === null) return;
  let largest: number | null = null;
  let steps = 0;
  for (const one of chainUp(parent)) {
    if (one.memory !== null) largest = Math.max(largest ?? 0, one.memory.bytes);
    steps += one.steps.length;
  }
  if (steps === 0 || (largest !== null && memory.bytes <= largest)) return;
  const span = memory.ast.words[0]?.span ?? memory.ast.keyword;
  const sizes = { child: printMemory(memory.bytes), parent: largest === null ? null : printMemory(largest) };
  report(
    diagnostic('graph/memory-grows', span, sizes, [
      { message: 'the parent is named here', span: checked.layer.base.span },
    ]),
  );
};
