import { diagnostic } from '../../diagnostics/diagnostic.ts';
import { staticText } from '../../ir/expand.ts';
import { resolveSource } from '../../ir/sources.ts';
import type { LoweredStep } from '../lower.ts';
import { type CheckedLayerfile, chainUp, type Rule } from './rule.ts';

/** COPY or CLONE while a process of the chain already runs in the background; the first one of a file. */
export const checkCopyAfterBackground: Rule = (checked, report) => {
  if (!checked.steps.some(({ step }) => step.kind === 'copy' || step.kind === 'clone')) return;
  let background = inheritedBackground(checked);
  for (const lowered of checked.steps) {
    const { step, ast } = lowered;
    if (step.kind === 'run' && step.mode === 'background') background ??= lowered;
    if (background === undefined || (step.kind !== 'copy' && step.kind !== 'clone')) continue;
    const notes = [{ message: 'the process starts here', span: background.ast.span }];
    report(diagnostic('lint/copy-after-background', ast.keyword, { keyword: step.kind.toUpperCase() }, notes));
    return;
  }
};

/** COPY of git's own directory, which differs in every commit. */
export const checkGitCopied: Rule = ({ steps }, report) => {
  for (const { step } of steps) {
    if (step.kind !== 'copy') continue;
    for (const { path } of step.sources) {
      const source = staticText(path);
      const resolved = source === null ? 'outside' : resolveSource(step.from, source);
      if (source === null || resolved === 'outside' || !resolved.path.split('/').includes('.git')) continue;
      report(diagnostic('lint/git-copied', path.span, { source }));
    }
  }
};

function inheritedBackground({ parent }: CheckedLayerfile): LoweredStep | undefined {
  if (parent === null) return undefined;
  for (const { steps } of chainUp(parent)) {
    const found = steps.find(({ step }) => step.kind === 'run' && step.mode === 'background');
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A directory among several sources keeps its name, which a writer of Dockerfiles does not expect. */
export const checkDirectoryAmongSources: Rule = ({ steps, repository }, report) => {
  for (const { step } of steps) {
    if (step.kind !== 'copy' || step.sources.length < 2) continue;
    const destination = staticText(step.destination) ?? '';
    for (const { path, glob } of step.sources) {
      const source = staticText(path);
      const resolved = source === null || glob ? 'outside' : resolveSource(step.from, source);
      if (source === null || resolved === 'outside' || repository.kind(resolved.path) !== 'directory') continue;
      const name = resolved.path.slice(resolved.path.lastIndexOf('/') + 1);
      if (name === '') continue;
      const into = destination === '.' ? './' : destination;
      report(diagnostic('lint/directory-among-sources', path.span, { source, name, into }));
    }
  }
};
