import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { elsewhere, onMachines, rows } from './rows.ts';
import { attributes } from './scenarios/attributes.ts';
import { language } from './scenarios/language.ts';
import { machine } from './scenarios/machine.ts';
import { memory } from './scenarios/memory.ts';
import { names } from './scenarios/names.ts';
import { reads } from './scenarios/reads.ts';
import { tools } from './scenarios/tools.ts';
import { writes } from './scenarios/writes.ts';
import { onVirtualMachines } from './stage.ts';

const scenarios = [...names, ...reads, ...attributes, ...writes, ...machine, ...language, ...tools];
const ofMachines = [...scenarios.filter(({ name }) => onMachines.includes(name)), ...memory].map(onVirtualMachines);

test('every row is played, or stands somewhere else', () => {
  const played = new Set(scenarios.flatMap((one) => one.rows));
  expect(rows.filter((row) => !played.has(row) && elsewhere[row] === undefined)).toEqual([]);
  expect([...played, ...Object.keys(elsewhere)].filter((row) => !rows.includes(row))).toEqual([]);
  expect(Object.keys(elsewhere).filter((row) => played.has(row))).toEqual([]);
});

test('what stands somewhere else is there', () => {
  const places = Object.values(elsewhere).map((place) => place.test);
  expect(places.filter((path) => !existsSync(fileURLToPath(new URL(`../../${path}`, import.meta.url))))).toEqual([]);
});

test.each([
  ['on the sandbox', scenarios],
  ['on virtual machines', ofMachines],
] as const)('every row that is played has an edit that must rerun and one that must not, %s', (_, all) => {
  const played = new Set(scenarios.flatMap((one) => one.rows));
  const without = [...played].filter((row) => {
    const edits = all.filter((one) => one.rows.includes(row)).flatMap((one) => one.edits);
    return !edits.some(({ reruns }) => reruns !== null) || !edits.some(({ reruns }) => reruns === null);
  });
  expect(without).toEqual([]);
});

test('what is to be played on virtual machines is there', () => {
  expect(onMachines.filter((name) => scenarios.every((one) => one.name !== name))).toEqual([]);
});

test('scenarios have names of their own', () => {
  const all = [...scenarios, ...memory].map(({ name }) => name);
  expect(all.filter((name, index) => all.indexOf(name) !== index)).toEqual([]);
});
