import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GuestPath, RepoPath } from '../../../src/host.ts';
import { openView } from '../../../src/runner/view/open.ts';
import type { View, ViewSpec } from '../../../src/runner/view/view.ts';
import { copyEverything } from './copy-reference.ts';
import { blobHash, memoryTree } from './memory-tree.ts';
import type { MemoryFiles, MemoryNode } from './memory-tree.ts';

const machine = { mode: 0o755, uid: 0, gid: 0 };

function spec(given: { sources: readonly string[]; destination: string; placement?: 'into' | 'as' }): ViewSpec {
  return {
    ordinal: 0,
    tree: 'repository',
    sources: given.sources.map((path) => ({ path: path as RepoPath, glob: /[*?[]/.test(path) })),
    destination: given.destination as GuestPath,
    placement: given.placement ?? 'into',
    ancestors: [machine],
  };
}

/** Everything a view holds: path → what the tree has there. */
function everything(view: View, path = '/' as GuestPath): string[] {
  const entry = view.entry(path);
  if (entry === null) return [];
  expect(view.kind(path)).toBe(entry.kind);
  const names = view.list(path);
  expect(names === null).toBe(entry.kind !== 'directory');
  const below = (names ?? []).flatMap((name) =>
    everything(view, (path === '/' ? `/${name}` : `${path}/${name}`) as GuestPath),
  );
  const source = entry.kind === 'directory' ? '' : ` <- ${entry.source}`;
  return [`${path} ${entry.kind}${source}`, ...below];
}

function copied(files: MemoryFiles, given: Parameters<typeof spec>[0]): string[] {
  return everything(openView(spec(given), memoryTree(files)));
}

describe('what COPY puts where', () => {
  const files: MemoryFiles = {
    'web/a.ts': 'a',
    'web/lib/b.ts': 'b',
    'web/.git': 'gitdir: ../.git/modules/web',
    '.git/HEAD': 'ref',
    '.layer/secrets': 'X=1',
    'go.mod': 'module x',
    current: { link: 'web' },
  };

  test('a single directory gives its contents, whatever the destination is', () => {
    const expected = [
      '/ directory',
      '/app directory',
      '/app/a.ts file <- web/a.ts',
      '/app/lib directory',
      '/app/lib/b.ts file <- web/lib/b.ts',
    ];
    expect(copied(files, { sources: ['web'], destination: '/app' })).toEqual(expected);
    expect(copied(files, { sources: ['web'], destination: '/app', placement: 'as' })).toEqual(expected);
  });

  test('among several sources a directory keeps its name', () => {
    expect(copied(files, { sources: ['web/lib', 'go.mod'], destination: '/' })).toEqual([
      '/ directory',
      '/go.mod file <- go.mod',
      '/lib directory',
      '/lib/b.ts file <- web/lib/b.ts',
    ]);
  });

  test('a file becomes the path, or goes into the directory', () => {
    expect(copied(files, { sources: ['go.mod'], destination: '/x/y', placement: 'as' })).toEqual([
      '/ directory',
      '/x directory',
      '/x/y file <- go.mod',
    ]);
    expect(copied(files, { sources: ['go.mod'], destination: '/x', placement: 'into' })).toEqual([
      '/ directory',
      '/x directory',
      '/x/go.mod file <- go.mod',
    ]);
  });

  test('a link is copied as a link and never looked through', () => {
    const view = openView(spec({ sources: ['current'], destination: '/bin/it', placement: 'as' }), memoryTree(files));
    expect(view.entry('/bin/it' as GuestPath)).toMatchObject({
      kind: 'link',
      target: 'web',
      sizeBytes: 3,
      mode: 0o777,
    });
    expect(view.entry('/bin/it/a.ts' as GuestPath)).toBeNull();
    const through = openView(spec({ sources: ['current/a.ts'], destination: '/x' }), memoryTree(files));
    expect(through.missing).toEqual(['current/a.ts']);
  });

  test('.git comes only where it is named, .layer never', () => {
    expect(copied(files, { sources: [''], destination: '/r' }).join()).not.toMatch(/\.git|\.layer/);
    expect(copied(files, { sources: ['.git'], destination: '/r/.git' })).toContain('/r/.git/HEAD file <- .git/HEAD');
    expect(copied(files, { sources: ['', '.git'], destination: '/r' })).toContain('/r/.git/HEAD file <- .git/HEAD');
    expect(copied(files, { sources: ['.*'], destination: '/r' })).toEqual(['/ directory']);
    expect(copied(files, { sources: ['.layer'], destination: '/r' })).toEqual(['/ directory']);
    expect(copied(files, { sources: ['.layer/secrets'], destination: '/r' })).toEqual(['/ directory']);
    expect(copied({ 'fixtures/.layer/config.json': '{}' }, { sources: [''], destination: '/r' })).toContain(
      '/r/fixtures/.layer/config.json file <- fixtures/.layer/config.json',
    );
  });

  test('what a glob matches lands by name; what lies in a directory that it matches comes with that directory', () => {
    const tree = { 'src/a.js': '', 'src/b/c.js': '', 'src/b/d.ts': '', 'src/.env': '' };
    expect(copied(tree, { sources: ['src/*'], destination: '/d' })).toEqual(
      copied(tree, { sources: ['src/**'], destination: '/d' }),
    );
    expect(copied(tree, { sources: ['src/**/*.js'], destination: '/d' })).toEqual([
      '/ directory',
      '/d directory',
      '/d/a.js file <- src/a.js',
      '/d/c.js file <- src/b/c.js',
    ]);
  });

  test('sources that are not there are named, and a glob that matches nothing', () => {
    const view = openView(spec({ sources: ['go.mod', 'seed.sql', '*.sql'], destination: '/' }), memoryTree(files));
    expect(view.missing).toEqual(['seed.sql', '*.sql']);
    expect(view.list('/' as GuestPath)).toEqual(['go.mod']);
  });

  test('of two sources with one name the later stands, and directories merge', () => {
    const tree = { 'a/x/1': '', 'b/x/2': '', 'b/x/1': '', 'c/x': '' };
    expect(copied(tree, { sources: ['a/x', 'b/x'], destination: '/' })).toEqual([
      '/ directory',
      '/x directory',
      '/x/1 file <- b/x/1',
      '/x/2 file <- b/x/2',
    ]);
    expect(copied(tree, { sources: ['a/x', 'c/x'], destination: '/' })).toEqual(['/ directory', '/x file <- c/x']);
    expect(copied(tree, { sources: ['a/x', 'c/x', 'b/x'], destination: '/' })).toHaveLength(4);
  });

  test('directories that are in the machine keep their attributes, others are open to the group', () => {
    const ancestors = [machine, { mode: 0o1777, uid: 3, gid: 4 }];
    const view = openView({ ...spec({ sources: ['web'], destination: '/tmp/app' }), ancestors }, memoryTree(files));
    expect(view.entry('/' as GuestPath)).toMatchObject({ mode: 0o755, source: null });
    expect(view.entry('/tmp' as GuestPath)).toMatchObject({ mode: 0o1777, uid: 3, gid: 4, source: null });
    expect(view.entry('/tmp/app' as GuestPath)).toMatchObject({ mode: 0o775, uid: 0, gid: 0, source: 'web' });
    expect(view.entry('/tmp/app/a.ts' as GuestPath)).toMatchObject({ mode: 0o664, source: 'web/a.ts' });
    const tool = memoryTree({ tool: { executable: '#!/bin/sh' } });
    expect(openView(spec({ sources: ['tool'], destination: '/bin' }), tool).entry('/bin/tool' as GuestPath)?.mode).toBe(
      0o775,
    );
  });

  test('digests are those of the tree', () => {
    const view = openView(spec({ sources: ['web'], destination: '/app' }), memoryTree(files));
    expect(view.digest('/app/a.ts' as GuestPath)).toBe(blobHash('a'));
    expect(view.digest('/app/lib' as GuestPath)).toBeNull();
    expect(view.digest('/app/none' as GuestPath)).toBeNull();
  });
});

test('a look at one path of a large tree asks about that path only', () => {
  const files: Record<string, MemoryNode> = {};
  for (let index = 0; index < 100_000; index += 1) files[`packages/p${index % 100}/f${index}`] = 'x';
  const tree = memoryTree(files);
  const view = openView(spec({ sources: [''], destination: '/root/app' }), tree);
  expect(view.entry('/root/app/packages/p7/f107' as GuestPath)?.kind).toBe('file');
  expect(view.entry('/root/app/packages/p7/none' as GuestPath)).toBeNull();
  expect(tree.asked.count).toBeLessThan(12);
});

const name = fc.constantFrom('a', 'b', 'c.js', '.git', '.layer', 'é', '\udcff', '\ud83d\ude00', '\uff5e', 'x\ny');
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
const node: fc.Arbitrary<MemoryNode> = fc.oneof(
  fc.string({ maxLength: 3 }),
  fc.constant(null),
  fc.constantFrom({ link: 'a' }, { link: '../..' }, { executable: 'x' }),
);
/** Later paths that go through an earlier file make it a directory, so every dictionary is a tree. */
const files = fc.array(fc.tuple(path, node), { maxLength: 14 }).map((pairs) => {
  const entries: Record<string, MemoryNode> = {};
  for (const [at, what] of pairs.sort(([a], [b]) => a.length - b.length)) {
    const taken = Object.entries(entries).some(([other, it]) => it !== null && at.startsWith(`${other}/`));
    if (!taken && !(at in entries)) entries[at] = what;
  }
  return entries;
});
const segment = fc.oneof(
  { weight: 3, arbitrary: name },
  { weight: 2, arbitrary: fc.constantFrom('*', '**', '?', '*.js', '.*', 'a*') },
);
const source = fc.oneof(
  { weight: 1, arbitrary: fc.constant('') },
  { weight: 6, arbitrary: fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')) },
);
const specs = fc.record({
  sources: fc.array(source, { minLength: 1, maxLength: 4 }),
  destination: fc.constantFrom('/', '/d', '/d/e/f', '/a'),
  placement: fc.constantFrom('into' as const, 'as' as const),
});

test('a view is what copying everything one after another would leave', () => {
  fc.assert(
    fc.property(files, specs, (entries, given) => {
      fc.pre(!(given.destination === '/' && given.placement === 'as'));
      const tree = memoryTree(entries);
      const expected = copyEverything(spec(given), tree);
      const view = openView(spec(given), tree);
      const seen = new Map<string, string>();
      const walk = (at: string): void => {
        const entry = view.entry(at as GuestPath);
        if (entry === null) return;
        expect(view.kind(at as GuestPath)).toBe(entry.kind);
        seen.set(at, entry.kind === 'directory' ? 'directory' : `${entry.kind} ${entry.source}`);
        for (const one of view.list(at as GuestPath) ?? []) {
          const below = at === '/' ? `/${one}` : `${at}/${one}`;
          expect(view.entry(below as GuestPath), `${below} is listed`).not.toBeNull();
          walk(below);
        }
      };
      walk(given.destination);
      const wanted = [...(expected ?? [])]
        .filter(
          ([at]) =>
            at === given.destination || at.startsWith(given.destination === '/' ? '/' : `${given.destination}/`),
        )
        .map(([at, what]): [string, string] => [
          at,
          what.kind === 'directory' ? 'directory' : `${what.kind} ${what.source}`,
        ]);
      expect([...seen].sort()).toEqual(wanted.sort());
    }),
    { numRuns: 3000 },
  );
});

test('any path may be asked in any order, and gives the same', () => {
  fc.assert(
    fc.property(files, specs, fc.array(path, { maxLength: 10 }), (entries, given, asked) => {
      const one = openView(spec(given), memoryTree(entries));
      for (const at of asked) {
        const full = `${given.destination === '/' ? '' : given.destination}/${at}` as GuestPath;
        const fresh = openView(spec(given), memoryTree(entries));
        expect(one.kind(full)).toEqual(fresh.kind(full));
        expect(one.list(full)).toEqual(fresh.list(full));
        expect(one.entry(full)).toEqual(fresh.entry(full));
      }
    }),
  );
});
