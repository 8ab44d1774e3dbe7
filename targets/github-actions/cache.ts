import { argumentText } from '../../src/ir/expand.ts';
import type { Cache } from '../../src/ir/ir.ts';
import { argumentWord } from '../shell/quote.ts';
import { uses } from './pins.ts';
import { call } from './steps.ts';
import { plain, type WorkflowStep } from './workflow.ts';

/** A CACHE of a job: the step, its number in the job, and the name its content is kept under. */
export interface JobCache {
  readonly step: Cache;
  readonly number: number;
  readonly name: string;
}

/** The name of a cache, from the paths it keeps: the same in every job that keeps the same paths. No commas, well below 512 characters. */
export function cacheName(step: Cache): string {
  const paths = step.paths.map(argumentText).join(' ');
  const readable = paths
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 40);
  return `${readable}-${checksum(paths)}`;
}

/** FNV-1a, 32 bit, hex (RFC draft-eastlake-fnv): tells names apart whose readable part is the same. */
export function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

const directory = (name: string) => `__layer_cache/${name}`;

/** Where CACHE stands: the newest saved content is laid over the paths. */
export function restoreCache({ step, number, name }: JobCache): readonly WorkflowStep[] {
  return [
    {
      id: `cache-${number}`,
      ...uses('actions/cache/restore'),
      with: { path: directory(name), key: `layer-${name}-newest`, 'restore-keys': `layer-${name}-` },
    },
    { ...call('cache-restore', name, ...step.paths.map(argumentWord)), name: `${step.title}: lay it into place` },
  ];
}

/**
 * At the end, when everything has succeeded: saved where the content is new, by a SPLIT's first copy; on the default branch, or
 * where nothing was saved yet; never from a pull request, whose caches nobody else may read and which would use up the space.
 */
export function saveCache({ step, number, name }: JobCache, split: boolean): readonly WorkflowStep[] {
  const found = `steps.cache-${number}.outputs.cache-matched-key`;
  const digest = `steps.pack-${number}.outputs.digest`;
  const trusted = [
    "github.event_name != 'pull_request'",
    `(github.ref_name == github.event.repository.default_branch || ${found} == '')`,
    ...(split ? ['matrix.SPLIT == 0'] : []),
  ].join(' && ');
  return [
    { ...call('cache-save', name), id: `pack-${number}`, name: `${plain(step.title)}: pack`, if: trusted },
    {
      name: `${plain(step.title)}: save`,
      if: `${digest} != '' && !startsWith(${found}, format('layer-${name}-{0}', ${digest}))`,
      ...uses('actions/cache/save'),
      with: {
        path: directory(name),
        key: `layer-${name}-\${{ ${digest} }}-\${{ github.run_id }}-\${{ github.run_attempt }}`,
      },
    },
  ];
}
