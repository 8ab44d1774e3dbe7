import { expect, it } from 'vitest';
import { compile } from '../../src/compile/compile.ts';
import { MemoryRepo, type MemoryEntry } from '../support/memory-repo.ts';
import { elsewhere, features } from './features.ts';
import type { Node } from './tree.ts';
import { inGit, makeTrial, shapes, type Round, type Trial } from './trial.ts';

const rounds = 4;
const trials = Array.from({ length: 400 }, (_, seed) => makeTrial(seed, rounds));

function repository({ at, seed }: Trial, round: Round): MemoryRepo {
  const entries = [...round.tree].map(([path, node]): [string, MemoryEntry] => {
    const name = `${at}/src/${path}`;
    switch (node.kind) {
      case 'file':
        return [name, node.text];
      case 'link':
        return [name, { link: node.target }];
      case 'directory':
        return [name, { directory: true }];
      case 'pipe':
      case 'socket':
        return [name, { failure: 'not-a-file' }];
    }
  });
  const layerfiles = Object.entries(round.layerfiles).map(([path, text]): [string, string] => [
    `${at}/${path}`,
    text.replaceAll(elsewhere, '/elsewhere'),
  ]);
  const sources: readonly [string, MemoryEntry][] =
    round.instead === null ? entries : [[`${at}/src`, round.instead.kind === 'file' ? '' : { directory: true }]];
  const git: readonly [string, string][] = inGit(seed) ? [['.git/HEAD', '']] : [];
  return new MemoryRepo(Object.fromEntries([...sources, ...layerfiles, ...git]));
}

it('is the same for the same seed', () => {
  expect(makeTrial(7, rounds)).toEqual(trials[7]);
});

it('makes Layerfiles that are right, at first and after all edits', async () => {
  for (const trial of trials.slice(0, 120)) {
    for (const round of [trial.rounds[0], trial.rounds[rounds - 1]]) {
      if (!round) throw new Error('a trial has rounds');
      const { plan, diagnostics } = await compile(repository(trial, round));
      const errors = diagnostics.filter(({ severity }) => severity === 'error').map(({ message }) => message);
      expect([trial.seed, errors]).toEqual([trial.seed, []]);
      expect(plan).not.toBeNull();
    }
  }
});

it('has every shape and feature, alone and with others', () => {
  const without = <T>(all: readonly T[], has: (trial: Trial, one: T) => boolean): readonly T[] =>
    all.filter((one) => trials.filter((trial) => has(trial, one)).length < 5);
  expect(without(shapes, (trial, one) => trial.shape === one)).toEqual([]);
  expect(without(features, (trial, one) => trial.features.includes(one))).toEqual([]);
  expect(without(features, (trial, one) => trial.features.includes(one) && trial.features.length > 1)).toEqual([]);
});

it('has every kind of instruction and of edit', () => {
  const texts = trials.flatMap((trial) => trial.rounds.flatMap((round) => Object.values(round.layerfiles)));
  const keywords =
    /^(FROM|RUN BACKGROUND|RUN REPEATABLE|RUN|COPY|CLONE|ENV|BUILD ENV|SECRET ENV|CACHE|CHECKPOINT disabled|CHECKPOINT|SPLIT UNORDERED|SPLIT|WAIT|BUTTON|EXPOSE WEBSITE|LABEL|MEMORY|SETUP FILE|SKIP REMAINING IF|USER|WORKDIR) /;
  const seen = new Set(texts.flatMap((text) => text.split('\n').map((line) => keywords.exec(`${line} `)?.[1])));
  expect(seen.size - (seen.has(undefined) ? 1 : 0)).toBe(23);
  const edits = new Set(trials.flatMap((trial) => trial.rounds.flatMap((_, index) => editsOf(trial, index))));
  const changes = kinds.flatMap((was) => kinds.filter((is) => is !== was).map((is) => `${was} to ${is}`));
  const others = ['added', 'came back', 'content', 'kept', 'mode', 'removed', 'same size', 'target'];
  const around = [
    'Layerfile back',
    'Layerfile gone',
    'Layerfile is a link',
    'ignored',
    'layerfile',
    'sources replaced',
  ];
  expect([...edits].sort()).toEqual([...changes, ...others, ...around].sort());
});

const kinds = ['file', 'link', 'directory', 'special'];

function kindOf(node: Node | undefined): string | undefined {
  return node?.kind === 'pipe' || node?.kind === 'socket' ? 'special' : node?.kind;
}

/** What became of each path between two rounds. */
function editsOf({ rounds: all }: Trial, index: number): readonly string[] {
  const [before, now] = [all[index - 1], all[index]];
  if (!before || !now) return [];
  const kindAt = (round: Round, path: string): string | null =>
    kindOf(round.tree.get(path)) ??
    ([...round.tree.keys()].some((one) => one.startsWith(`${path}/`)) ? 'directory' : null);
  const paths = new Set(
    [...before.tree.keys(), ...now.tree.keys()].flatMap((path) =>
      path.split('/').map((_, index, names) => names.slice(0, index + 1).join('/')),
    ),
  );
  const found = [...paths].map((path): string => {
    const [was, is] = [kindAt(before, path), kindAt(now, path)];
    if (is === null) return 'removed';
    const earlier = all.slice(0, index - 1).some((round) => kindAt(round, path) !== null);
    if (was === null) return earlier ? 'came back' : 'added';
    if (was !== is) return `${was} to ${is}`;
    const [one, other] = [before.tree.get(path), now.tree.get(path)];
    if (one?.kind === 'link' && other?.kind === 'link') return one.target === other.target ? 'kept' : 'target';
    if (one?.kind !== 'file' || other?.kind !== 'file') return 'kept';
    if (one.text !== other.text) return one.text.length === other.text.length ? 'same size' : 'content';
    return one.executable === other.executable ? 'kept' : 'mode';
  });
  if (before.ignored !== now.ignored) found.push('ignored');
  if (JSON.stringify(before.layerfiles) !== JSON.stringify(now.layerfiles)) found.push('layerfile');
  if (before.instead !== now.instead) found.push('sources replaced');
  if (now.linked) found.push('Layerfile is a link');
  const has = (round: Round, other: Round) => Object.keys(round.layerfiles).some((one) => !(one in other.layerfiles));
  if (has(before, now)) found.push('Layerfile gone');
  if (has(now, before)) found.push('Layerfile back');
  return found;
}
