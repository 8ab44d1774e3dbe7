import type { Plan } from '../../src/ir/ir.ts';

/**
 * `.earthlyignore`: what COPY of a Layerfile never takes. That is git's directory unless a COPY names it, what this tool keeps, and what the root's
 * `.layerignore` (`text`; null where there is none) leaves out.
 */
export function earthlyignore(plan: Plan, text: string | null): string {
  const copies = plan.layers.flatMap(({ steps }) =>
    steps.flatMap((step) => (step.kind === 'copy' ? step.sources : [])),
  );
  const git = copies.some(({ path }) =>
    path.parts.some((part) => typeof part === 'string' && /(^|\/)\.git(\/|$)/.test(part)),
  );
  const vendored = plan.layers.some(({ repository }) => repository.kind === 'vendored');
  return [
    '# Written by `layer compile --target earthfile`: what COPY of a Layerfile never takes.',
    // What is written beside the Earthfile is taken by its own steps.
    ...(text === null ? [] : [...dockerPatterns(text), '!.earth']),
    ...(git ? [] : ['.git', '**/.git']),
    ...(vendored ? ['.layer/*', '!.layer/vendor'] : ['.layer']),
    '',
  ].join('\n');
}

/**
 * Patterns of gitignore as Earthly reads them, which is how Docker does (moby/patternmatcher): all of them from the root, so that one
 * without a slash wants two asterisks before it. A slash at the end means nothing there: a file of that name is left out, too.
 */
export function dockerPatterns(text: string): readonly string[] {
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.replace(/(?<!\\) +$/, ''))
    .filter((line) => line !== '' && !line.startsWith('#'))
    .flatMap((line) => {
      const negated = line.startsWith('!');
      const pattern = line.slice(negated ? 1 : 0).replace(/\/+$/, '');
      const path = pattern.replace(/^\//, '').replace(/(?<!\\)\[!/g, '[^');
      if (path === '') return [];
      const anchored = pattern.includes('/');
      return [`${negated ? '!' : ''}${anchored ? '' : '**/'}${path}`];
    });
}
