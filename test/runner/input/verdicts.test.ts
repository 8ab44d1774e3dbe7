import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { RepoPath } from '../../../src/host.ts';
import { lookAgain } from '../../../src/runner/input/look-again.ts';
import { lookFile, openRepository } from '../../../src/runner/input/repository.ts';
import type { Verdict } from '../../../src/runner/ports.ts';
import { gitEnv, later, now, scratch, write } from './workspace.ts';

const key = '0451';
/** A second thread looks too from so many files on. */
const threadFrom = 1000;
const held: Verdict = { holds: true, reads: 7 };

/** One run's view of a repository, as the next run's process would open it. */
function open(
  root: string,
  { store, key: own = key, clock = later }: { store: string; key?: string; clock?: typeof later },
) {
  const stats = `${store}/stats`;
  return openRepository({
    ...{ root, hidden: [], blobs: `${store}/blobs`, stats, env: gitEnv, clock, key: own },
    looks: lookAgain(lookFile(stats, root), threadFrom),
  });
}

const files = {
  'a/one': 'one',
  'a/two': 'two',
  'b/three': 'three',
  'unread/file': 'nobody looks',
  link: { link: 'a/one' },
  'tool.sh': { executable: '#!' },
} as const;

/** A run that looks at some of the repository and concludes that `subject` holds. */
function conclude(root: string, store: string, options: { subject?: string; clock?: typeof later } = {}): void {
  const input = open(root, { store, ...options });
  const tree = input.live();
  for (const path of ['a/one', 'tool.sh', 'b/three'] as RepoPath[]) tree.digest(path);
  tree.entry('link' as RepoPath);
  tree.entry('nothing' as RepoPath);
  tree.entry('a/two' as RepoPath);
  tree.list('a' as RepoPath);
  input.verdicts.add(options.subject ?? 'subject', held);
  input.save();
}

function found(root: string, store: string, options: { key?: string } = {}): Verdict | null {
  return open(root, { store, ...options }).verdicts.find('subject');
}

function concluded(): { root: string; store: string } {
  const [root, store] = [scratch(), scratch()];
  write(root, files);
  conclude(root, store);
  return { root, store };
}

describe('a verdict', () => {
  test('stands while all that it was concluded from is seen again', () => {
    const { root, store } = concluded();
    expect(found(root, store)).toEqual(held);
    writeFileSync(`${root}/unread/file`, 'edited');
    writeFileSync(`${root}/unread/more`, 'new');
    expect(found(root, store)).toEqual(held);
    expect(open(root, { store }).verdicts.find('another subject')).toBeNull();
  });

  test('is a reason as well', () => {
    const [root, store] = [scratch(), scratch()];
    const input = open(root, { store });
    input.live().entry('x' as RepoPath);
    input.verdicts.add('subject', { holds: false, reason: 'x is gone' });
    input.save();
    expect(found(root, store)).toEqual({ holds: false, reason: 'x is gone' });
  });

  test.each<[string, (root: string) => void]>([
    ['a file is edited', (root) => writeFileSync(`${root}/a/one`, 'more than one')],
    ['a file is edited and keeps its size', (root) => writeFileSync(`${root}/b/three`, 'THREE')],
    [
      'a file is edited and keeps its size and time',
      (root) => {
        const { atime, mtime } = statSync(`${root}/b/three`);
        writeFileSync(`${root}/b/three`, 'THREE');
        utimesSync(`${root}/b/three`, atime, mtime);
      },
    ],
    ['a file that was only stat’ed is edited', (root) => writeFileSync(`${root}/a/two`, 'TWO')],
    ['a file becomes executable', (root) => chmodSync(`${root}/a/one`, 0o755)],
    ['another file takes its place', (root) => renameSync(`${root}/b/three`, `${root}/a/one`)],
    ['a file is gone', (root) => rmSync(`${root}/b/three`)],
    ['a file appears', (root) => writeFileSync(`${root}/nothing`, '')],
    ['a directory appears', (root) => mkdirSync(`${root}/nothing`)],
    ['a name is new in a directory that was listed', (root) => writeFileSync(`${root}/a/three`, '')],
    ['a name is gone from it', (root) => rmSync(`${root}/a/two`)],
    [
      'a name in it is of another kind',
      (root) => {
        rmSync(`${root}/a/two`);
        mkdirSync(`${root}/a/two`);
      },
    ],
    [
      'a link points elsewhere',
      (root) => {
        rmSync(`${root}/link`);
        symlinkSync('a/two', `${root}/link`);
      },
    ],
    [
      'a directory becomes a link to where it is now',
      (root) => {
        renameSync(`${root}/b`, `${root}/c`);
        symlinkSync('c', `${root}/b`);
      },
    ],
    ['the rules are others', (root) => writeFileSync(`${root}/.layerignore`, 'a/one\n')],
  ])('falls when %s', (_, change) => {
    const { root, store } = concluded();
    change(root);
    expect(found(root, store)).toBeNull();
  });

  test('is not kept where a file was touched just before it was read', () => {
    const [root, store] = [scratch(), scratch()];
    write(root, files);
    conclude(root, store, { clock: now });
    expect(found(root, store)).toBeNull();
  });

  test('is not taken from a file that somebody has written to, or that another store has sealed', () => {
    const { root, store } = concluded();
    expect(found(root, store, { key: '1540' })).toBeNull();
    const file = lookFile(`${store}/stats`, root);
    const bytes = readFileSync(file);
    for (const at of [0, 20, 60, bytes.indexOf('subject'), bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      writeFileSync(file, changed);
      expect(found(root, store)).toBeNull();
    }
    for (const length of [0, 30, 60, bytes.length - 5]) {
      writeFileSync(file, bytes.subarray(0, length));
      expect(found(root, store)).toBeNull();
    }
    writeFileSync(file, bytes);
    expect(found(root, store)).toEqual(held);
  });

  test('is joined by others while it stands, and gives way to them when it falls', () => {
    const { root, store } = concluded();
    const more = (subject: string): void => {
      const input = open(root, { store });
      input.verdicts.find('subject');
      input.live().digest('unread/file' as RepoPath);
      input.verdicts.add(subject, held);
      input.save();
    };
    more('second');
    expect(found(root, store)).toEqual(held);
    writeFileSync(`${root}/unread/file`, 'edited');
    expect(found(root, store)).toBeNull();
    more('third');
    expect(found(root, store)).toBeNull();
    expect(open(root, { store }).verdicts.find('second')).toBeNull();
    expect(open(root, { store }).verdicts.find('third')).toEqual(held);
  });

  test('of another run stands by itself, whatever has become of what it did not see', () => {
    const { root, store } = concluded();
    const other = (subject: string, path: string): void => {
      const input = open(root, { store });
      input.live().digest(path as RepoPath);
      input.verdicts.add(subject, held);
      input.save();
    };
    other('second', 'unread/file');
    writeFileSync(`${root}/unread/file`, 'edited');
    expect(found(root, store)).toEqual(held);
    expect(open(root, { store }).verdicts.find('second')).toBeNull();
    for (const subject of ['third', 'fourth', 'fifth']) other(subject, 'a/two');
    expect(found(root, store)).toBeNull();
    expect(open(root, { store }).verdicts.find('third')).toEqual(held);
  });

  test.each([later, now])('on a listing stands where the directory was touched and has the same names', (clock) => {
    const [root, store] = [scratch(), scratch()];
    write(root, files);
    const input = open(root, { store, clock });
    input.live().list('a' as RepoPath);
    input.verdicts.add('subject', held);
    input.save();
    expect(found(root, store)).toEqual(held);
    writeFileSync(`${root}/a/passing`, '');
    expect(found(root, store)).toBeNull();
    rmSync(`${root}/a/passing`);
    expect(found(root, store)).toEqual(held);
    renameSync(`${root}/a`, `${root}/b/a`);
    expect(found(root, store)).toBeNull();
  });

  test('holds on files of any time, to the nanosecond', () => {
    const [root, store] = [scratch(), scratch()];
    write(root, files);
    for (const [path, time] of [
      ['a/one', '@1700000000.123456789'],
      ['b/three', '@-2.000000001'],
      ['tool.sh', '@0.999999999'],
    ] as const)
      execFileSync('touch', ['-d', time, `${root}/${path}`]);
    conclude(root, store);
    expect(found(root, store)).toEqual(held);
  });

  test('on so many files that a second thread looks too', () => {
    const [root, store] = [scratch(), scratch()];
    const many = Array.from({ length: 1100 }, (_, index) => `d${index % 30}/f${index}`);
    write(root, Object.fromEntries(many.map((path) => [path, path])));
    const input = open(root, { store });
    const tree = input.live();
    for (const path of many) tree.digest(path as RepoPath);
    input.verdicts.add('subject', held);
    input.save();
    expect(found(root, store)).toEqual(held);
    writeFileSync(`${root}/${many.at(-1)}`, 'edited');
    expect(found(root, store)).toBeNull();
  });
});
