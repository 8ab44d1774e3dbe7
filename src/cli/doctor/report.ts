import type { Probe } from '../../runner/drivers/sandbox/probe.ts';

/** Probes that belong together, under a title. */
export interface Examination {
  readonly title: string;
  readonly probes: readonly Probe[];
}

const marks = { ok: '✓', missing: '✗', lesser: '!' } as const;
const colours = { ok: 32, missing: 31, lesser: 33 } as const;

function stateOf(probe: Probe): keyof typeof marks {
  if (probe.ok) return 'ok';
  return probe.required ? 'missing' : 'lesser';
}

/** Whether `layer run` can work here at all. */
export function isFit(examinations: readonly Examination[]): boolean {
  return examinations.every(({ probes }) => probes.every(({ ok, required }) => ok || !required));
}

/** The examinations for a person: a line for each probe, and below what fails the one line that mends it. */
export function printExaminations(examinations: readonly Examination[], options: { readonly colour: boolean }): string {
  const width = Math.max(...examinations.flatMap(({ probes }) => probes.map(({ what }) => what.length)));
  const lines: string[] = [];
  for (const { title, probes } of examinations) {
    lines.push(title);
    for (const probe of probes) {
      const state = stateOf(probe);
      const mark = options.colour ? `\u001b[${colours[state]}m${marks[state]}\u001b[0m` : marks[state];
      lines.push(`  ${mark} ${probe.what.padEnd(width)}  ${probe.detail}`);
      if (!probe.ok && probe.remedy !== null) lines.push(`    ${' '.repeat(width)}  → ${probe.remedy}`);
    }
    lines.push('');
  }
  return `${lines.join('\n')}\n${verdict(examinations)}\n`;
}

function verdict(examinations: readonly Examination[]): string {
  const probes = examinations.flatMap((one) => one.probes);
  const missing = probes.filter((probe) => stateOf(probe) === 'missing').length;
  if (missing > 0)
    return `layer run cannot work here until ${missing === 1 ? 'the line marked ✗ is' : `the ${missing} lines marked ✗ are`} mended.`;
  return probes.every(({ ok }) => ok)
    ? 'Everything is there.'
    : 'layer run works here; lines marked ! could be better.';
}
