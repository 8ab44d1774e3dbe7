import type { Cache, Run } from '../../src/ir/ir.ts';
import { checksum } from './cache.ts';
import type { RunsOn } from './machine.ts';

/** Whether a step repeats `docker build`, whose layers can be kept from run to run. In a container there is no Docker. */
export function repeatsBuild(step: Run, machine: RunsOn | null): boolean {
  if (step.mode !== 'repeatable' || machine?.image !== null) return false;
  return /(^|[\s;&|(])docker\s+(buildx\s+|image\s+)?build\s/.test(step.command);
}

/** What is kept of a step that repeats `docker build`, as if a CACHE of its directory stood before it. */
export function buildCache(step: Run): Cache {
  const directory = `/var/lib/layer/builds/${checksum(`${step.span.file.path} ${step.command}`)}`;
  return { kind: 'cache', paths: [{ parts: [directory], span: step.span }], title: step.title, span: step.span };
}
