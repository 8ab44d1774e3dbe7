import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, afterAll } from 'vitest';
import { openWorkshop, type Report, type Workshop, type WorkshopDriver } from '../support/workshop.ts';
import type { Edit, Scenario } from './scenario.ts';

/** Plays scenarios side by side in one repository and one store, a process for all their nth edits, and tests each of them. */
export function play(title: string, table: readonly Scenario[], driver: WorkshopDriver): void {
  const scenarios = driver === 'vm' ? table.map(onVirtualMachines) : table;
  describe(title, { timeout: 400_000 }, () => {
    const reports: Report[] = [];
    let workshop: Workshop | null = null;
    beforeAll(async () => {
      workshop = openWorkshop(undefined, driver);
      for (const scenario of scenarios) setUp(workshop, scenario);
      reports.push(await workshop.run());
      const rounds = Math.max(...scenarios.map((one) => one.edits.length));
      for (let round = 0; round < rounds; round++) {
        for (const { name, edits } of scenarios) {
          const edit = edits[round];
          if (edit) apply(workshop, name, edit);
        }
        reports.push(await workshop.run());
      }
    }, 900_000);
    afterAll(() => workshop?.[Symbol.dispose]());

    for (const scenario of scenarios) {
      const id = scenario.name;
      describe(`${scenario.rows.join(' ')} ${scenario.name}`, () => {
        it('runs at first', () => {
          const runner = reports[0]?.runners.get(id);
          expect(runner?.outcome, reports[0]?.stderr).toBe('succeeded');
          if (scenario.prints !== undefined) expect(runner?.ran.at(-1)?.output).toBe(scenario.prints);
        });
        for (const [index, edit] of scenario.edits.entries()) {
          it(sentence(index, edit), () => expectEdit(reports[index + 1], { id, edit, name: scenario.name }));
        }
        const last = scenario.edits.length;
        if (last > 0 && scenario.edits.at(-1)?.ends === undefined) {
          it('is skipped in every later run', () => {
            for (const report of reports.slice(last + 1)) expect(report.runners.get(id)?.ran).toEqual([]);
          });
        }
      });
    }
  });
}

/** The story as virtual machines must play it. */
export function onVirtualMachines(scenario: Scenario): Scenario {
  const { withMemory } = scenario;
  const told = withMemory === undefined ? scenario : { ...scenario, ...withMemory.expect };
  return {
    ...told,
    edits: told.edits.map(({ put, shell, ...edit }) => ({
      ...(put === undefined ? {} : { put }),
      ...(shell === undefined ? {} : { shell }),
      ...(edit.withMemory === undefined ? edit : edit.withMemory.expect),
    })),
  };
}

function setUp(workshop: Workshop, { name, files, steps }: Scenario): void {
  const copies = steps.some((step) => /^(COPY|FROM) /.test(step));
  const lines = [
    ...(steps.some((step) => step.startsWith('FROM ')) ? [] : ['FROM vm/debian:12']),
    ...(copies ? [] : ['COPY . /w']),
    ...steps,
  ];
  workshop.put({ [`${name}/Layerfile`]: `${lines.join('\n')}\n` });
  workshop.put(Object.fromEntries(Object.entries(files).map(([path, content]) => [`${name}/${path}`, content])));
}

function apply(workshop: Workshop, name: string, edit: Edit): void {
  if (edit.put)
    workshop.put(Object.fromEntries(Object.entries(edit.put).map(([path, content]) => [`${name}/${path}`, content])));
  if (edit.shell !== undefined)
    execFileSync('bash', ['-ec', edit.shell], {
      cwd: join(workshop.repository, name),
      stdio: ['ignore', 'ignore', 'inherit'],
    });
}

function sentence(index: number, { put, shell, reruns }: Edit): string {
  const what =
    shell ??
    Object.keys(put ?? {})
      .map((path) => JSON.stringify(path))
      .join(', ');
  return `edit ${index + 1}, ${what}: ${reruns === null ? 'must skip' : `must rerun ${reruns}`}`;
}

function expectEdit(
  report: Report | undefined,
  { id, edit, name }: { readonly id: string; readonly edit: Edit; readonly name: string },
): void {
  const runner = report?.runners.get(id);
  const ran = runner?.ran.map(({ title, reason }) => `${title}: ${reason}`) ?? ['there is no such runner'];
  if (edit.reruns === null) {
    expect(ran).toEqual([]);
    expect(runner?.outcome).toBe('succeeded');
    return;
  }
  const first = runner?.ran[0];
  expect(first?.title ?? 'everything was skipped', `it ran: ${ran.join('; ')}`).toContain(edit.reruns);
  if (edit.because instanceof RegExp) expect(first?.reason).toMatch(edit.because);
  else if (edit.because !== undefined) expect(first?.reason).toBe(edit.because.replaceAll('{}', name));
  if (edit.prints !== undefined) expect(runner?.ran.at(-1)?.output).toBe(edit.prints);
  if (edit.reads !== undefined) expect(runner?.ran.at(-1)?.reads).toBe(edit.reads);
  expect(runner?.outcome).toBe(edit.ends ?? 'succeeded');
}
