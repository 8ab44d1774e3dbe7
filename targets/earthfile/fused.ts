import type { Copy, Step } from '../../src/ir/ir.ts';
import { callOf, holdsCall, quoted } from './calls.ts';
import { inMachine } from './places.ts';

/** What the steps from a RUN BACKGROUND on become: one script, since processes end with the RUN that started them. */
export interface FusedSteps {
  readonly title: string;
  readonly steps: readonly Step[];
  /** The call that copies, or null where Earthly has done it all. */
  readonly copyCall: (step: Copy) => string;
}

/** A script that starts what RUN BACKGROUND names, runs the other steps, prints what the background printed and stops it. */
export function fusedScript({ title, steps, copyCall }: FusedSteps): string {
  const lines = ['#!/bin/bash', `# ${title}`, 'set -eu', 'running=()', ...finish];
  const secrets: string[] = [];
  let number = 0;
  for (const step of steps) {
    lines.push('', `# ${step.title.replace(/\s+/g, ' ')}`);
    if (step.kind === 'run' && step.mode === 'background') {
      number += 1;
      lines.push(`running+=(background-${number})`, `layer start background-${number} ${quoted(step.command)}`);
    } else if (step.kind === 'secretEnv') {
      secrets.push(...step.names.map(({ name }) => name));
      lines.push(`export LAYER_SECRETS="\${LAYER_SECRETS:-} ${secrets.join(' ')}"`);
    } else if (step.kind === 'skipIf') lines.push(`if layer ${holdsCall(step)}; then exit 0; fi`);
    else if (step.kind === 'copy') lines.push(`layer ${copyCall(step)}`);
    else {
      const call = callOf(step);
      if (call !== null) lines.push(`layer ${call}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

const finish = [
  `layer() { ${inMachine.call} "$@"; }`,
  'finish() {',
  '  status=$?',
  '  trap - EXIT',
  '  for one in "${running[@]}"; do layer background-stop "$one" || true; done',
  '  exit "$status"',
  '}',
  'trap finish EXIT',
];
