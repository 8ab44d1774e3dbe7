import { positionAt } from '../diagnostics/source.ts';
import type { RunContext } from './context.ts';

/** What is to be said of each secret that these runners want and nobody gave: which it is, who wants it first, how it is given. */
export function missingSecrets(contexts: readonly RunContext[]): readonly string[] {
  const said = new Map<string, string>();
  for (const { chain, ports } of contexts) {
    for (const { step } of chain.steps) {
      if (step.kind !== 'secretEnv') continue;
      for (const { name } of step.names) {
        const { secrets } = ports;
        if (said.has(name) || secrets.optional(name) || secrets.value(name) !== null) continue;
        const { file, start } = step.span;
        said.set(name, `${file.path}:${positionAt(file, start).line}: ${secrets.advice(name)}`);
      }
    }
  }
  return [...said.values()];
}
