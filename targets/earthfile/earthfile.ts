import type { Plan } from '../../src/ir/ir.ts';
import type { OutputFile, Target } from '../../src/target.ts';
import { layerShell } from '../shell/generated-layer-sh.ts';
import { sourcesDigest } from '../sources-digest.ts';
import { checkPlan } from './check.ts';
import { printDocument } from './document.ts';
import { emitDocument, type Emitted } from './emit.ts';
import { buildShell } from './generated-build.ts';
import { enterShell } from './generated-enter.ts';
import { earthlyignore } from './ignored.ts';
import { beside } from './places.ts';
import { support } from './support.ts';

/** Earthly and EarthBuild: one Earthfile at the repository's root, and what its steps need beside it. */
export function earthfile(options: EarthfileOptions): Target {
  return {
    ...{ name: 'earthfile', title: 'Earthfile', support, check: checkPlan },
    emit: (plan) => emit(plan, options),
  };
}

/** How an Earthfile is emitted. */
export interface EarthfileOptions {
  /** What the root's `.layerignore` says; null where there is none. */
  readonly layerignore: string | null;
}

function emit(plan: Plan, { layerignore }: EarthfileOptions): readonly OutputFile[] {
  const head = [
    'Compiled from Layerfiles by `layer compile --target earthfile`; change those, not this. Build it by `bash .earth/build`.',
    `sources: ${sourcesDigest(plan)}`,
  ];
  const emitted = emitDocument(plan, head);
  return [
    { path: 'Earthfile', content: printDocument(emitted.document), executable: false },
    { path: '.earthlyignore', content: earthlyignore(plan, layerignore), executable: false },
    { path: `${beside}/build`, content: buildScript(emitted), executable: true },
    { path: `${beside}/sh`, content: enterShell, executable: true },
    { path: `${beside}/layer-sh`, content: layerShell, executable: true },
    ...emitted.scripts.files,
  ];
}

function buildScript({ arguments: names, secrets, docker }: Emitted): string {
  return buildShell
    .replace('@ARGUMENTS@', names.join(' '))
    .replace('@SECRETS@', secrets.join(' '))
    .replace('@OPTIONS@', docker ? '--allow-privileged' : '');
}
