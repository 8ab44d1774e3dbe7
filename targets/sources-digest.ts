import { createHash } from 'node:crypto';
import type { Plan } from '../src/ir/ir.ts';

/** `sha256:…` of the Layerfiles that a plan was made of, by path: what an emitted file says it was made from. */
export function sourcesDigest(plan: Plan): string {
  const hash = createHash('sha256');
  for (const { path, span } of plan.layers) hash.update(`${path}\0${span.file.text.length}\0${span.file.text}`);
  return `sha256:${hash.digest('hex')}`;
}
