import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import type { GuestPath, RepoPath } from '../../../src/host.ts';
import { FileBytes } from '../../../src/runner/fuse/file-bytes.ts';
import { replyBufferBytes, ViewFileSystem } from '../../../src/runner/fuse/file-system.ts';
import { initFlags, type Request } from '../../../src/runner/fuse/protocol.ts';
import { loadManifest, type ManifestNode, writeManifest } from '../../../src/runner/view/manifest.ts';
import { openView } from '../../../src/runner/view/open.ts';
import type { FrozenTree } from '../../../src/runner/view/tree.ts';
import type { ViewSpec } from '../../../src/runner/view/view.ts';

const file = (name: string, sizeBytes: number, shownMtimeNs: bigint | null = null): ManifestNode => ({
  kind: 'file',
  name,
  executable: false,
  digest: sizeBytes === 0 ? 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391' : 'a'.repeat(40),
  sizeBytes,
  content: 'immutable',
  shownMtimeNs,
});
const directory = (name: string, ...children: ManifestNode[]): ManifestNode => ({ kind: 'directory', name, children });

function treeOf(...children: ManifestNode[]): FrozenTree {
  return loadManifest(
    writeManifest({ kind: 'directory', name: '', children }, { working: '/nowhere', blobs: '/nowhere/blobs' }),
  );
}

const tree = treeOf(
  directory('dir', file('one', 4), file('empty', 0), { kind: 'link', name: 'link', target: 'one', shownMtimeNs: null }),
  directory('.git', file('index', 9), file('HEAD', 9)),
  file('top', 7, 1_234_567_890_123_456_789n),
);

function spec(changes: Partial<ViewSpec>): ViewSpec {
  return {
    ordinal: 0,
    tree: 'repository',
    sources: [{ path: '' as RepoPath, glob: false }],
    destination: '/' as GuestPath,
    placement: 'into',
    ancestors: [],
    ...changes,
  };
}

/** Asks a file system as the kernel would. */
class Kernel {
  readonly fileSystem: ViewFileSystem;
  readonly out = Buffer.alloc(replyBufferBytes);
  #unique = 1n;

  constructor(
    options: {
      readonly mtime?: 'plain' | 'persistent';
      readonly view?: Partial<ViewSpec>;
      readonly tree?: FrozenTree;
    } = {},
  ) {
    const served = options.tree ?? tree;
    this.fileSystem = new ViewFileSystem({ files: new FileBytes(), mtime: options.mtime ?? 'plain' });
    this.fileSystem.addView(openView(spec(options.view ?? {}), served), served);
  }

  /** The reply's error and payload. */
  ask(request: Omit<Request, 'unique'> & Record<string, unknown>): {
    readonly error: number;
    readonly payload: Buffer;
  } {
    const unique = this.#unique++;
    const length = this.fileSystem.answer({ ...request, unique } as Request, this.out);
    expect(length).toBe(this.out.readUInt32LE(0));
    expect(this.out.readBigUInt64LE(8)).toBe(unique);
    return { error: this.out.readInt32LE(4), payload: Buffer.from(this.out.subarray(16, length)) };
  }

  lookup(node: number, name: string) {
    const { error, payload } = this.ask({ kind: 'lookup', node, name });
    if (error !== 0) return { error, node: 0, entrySeconds: 0n, attributesSeconds: 0n, payload };
    return {
      error,
      node: Number(payload.readBigUInt64LE(0)),
      entrySeconds: payload.readBigUInt64LE(16),
      attributesSeconds: payload.readBigUInt64LE(24),
      payload,
    };
  }

  /** The node of a path below the mount's root. */
  walk(...names: string[]): number {
    return names.reduce((node, name) => this.lookup(node, name).node, 1);
  }

  mtime(node: number): { readonly seconds: bigint; readonly nanoseconds: number } {
    const { payload } = this.ask({ kind: 'getattr', node });
    return { seconds: payload.readBigUInt64LE(16 + 32), nanoseconds: payload.readUInt32LE(16 + 52) };
  }

  seen(): readonly string[] {
    const { observations, fault } = this.fileSystem.cut();
    expect(fault).toBeNull();
    return observations.map(({ kind, path }) => `${kind} ${path}`);
  }
}

const year = 31_536_000n;

describe('the root', () => {
  test('has a directory for each view, found or not yet, and observes none', () => {
    const kernel = new Kernel();
    expect(kernel.lookup(1, '0')).toMatchObject({ error: 0, entrySeconds: year });
    expect(kernel.lookup(1, '1')).toMatchObject({ error: -2 });
    const second = spec({ ordinal: 1, destination: '/b' as GuestPath });
    kernel.fileSystem.addView(openView(second, tree), tree);
    expect(kernel.lookup(1, '1')).toMatchObject({ error: 0 });
    kernel.ask({ kind: 'getattr', node: 1 });
    kernel.ask({ kind: 'readdir', node: 1, offset: 0, sizeBytes: 4096 });
    expect(kernel.seen()).toEqual(['entry /']);
  });

  test('takes an ordinal once', () => {
    const kernel = new Kernel();
    expect(() => kernel.fileSystem.addView(openView(spec({}), tree), tree)).toThrow('already served');
  });
});

describe('what may be remembered', () => {
  test.each([
    ['persistent', 'top', 0n],
    ['persistent', 'dir', 0n],
    ['plain', 'dir', 0n],
    ['plain', 'top', year],
  ] as const)(
    'in %s mode %s: a name for a year, attributes only where a stat would tell no more',
    (mtime, name, attributesSeconds) => {
      const kernel = new Kernel({ mtime });
      const root = kernel.walk('0');
      expect(kernel.lookup(root, name)).toMatchObject({ error: 0, entrySeconds: year, attributesSeconds });
      const { payload } = kernel.ask({ kind: 'getattr', node: kernel.walk('0', name) });
      expect(payload.readBigUInt64LE(0)).toBe(year);
    },
  );

  test('in plain mode, with a name, what a stat shows: a stat adds nothing', () => {
    const kernel = new Kernel();
    const { payload } = kernel.ask({ kind: 'lookup', node: kernel.walk('0'), name: 'top' });
    const stat = kernel.ask({ kind: 'getattr', node: kernel.walk('0', 'top') }).payload;
    // fuse_entry_out and fuse_attr_out end in the same fuse_attr.
    expect(payload.subarray(40)).toEqual(stat.subarray(16));
    const seen = kernel.seen();
    kernel.ask({ kind: 'getattr', node: kernel.walk('0', 'top') });
    expect(seen).toContain('attributes /top');
    expect(kernel.seen()).toEqual([]);
  });

  test('an absence for a year', () => {
    const kernel = new Kernel();
    expect(kernel.lookup(kernel.walk('0'), 'none')).toMatchObject({ error: 0, node: 0, entrySeconds: year });
  });

  test('a name that was forgotten gets its old node', () => {
    const kernel = new Kernel();
    expect(kernel.walk('0', 'dir', 'one')).toBe(kernel.walk('0', 'dir', 'one'));
    expect(kernel.walk('0', 'dir')).not.toBe(kernel.walk('0', 'dir', 'one'));
  });
});

describe('what is outside the destination', () => {
  const view = { destination: '/srv/app' as GuestPath };

  test('is not recorded: the directories that lead there, and what is not in them', () => {
    const kernel = new Kernel({ view });
    const srv = kernel.walk('0', 'srv');
    kernel.ask({ kind: 'getattr', node: srv });
    kernel.ask({ kind: 'readdir', node: kernel.walk('0'), offset: 0, sizeBytes: 4096 });
    expect(kernel.lookup(srv, 'none').node).toBe(0);
    expect(kernel.lookup(srv, 'application').node).toBe(0);
    expect(kernel.lookup(kernel.walk('0'), 'etc').node).toBe(0);
    expect(kernel.seen()).toEqual([]);
  });

  test('is recorded where a listing tells of what kind the destination is', () => {
    const kernel = new Kernel({ view });
    kernel.ask({ kind: 'readdir', node: kernel.walk('0', 'srv'), offset: 0, sizeBytes: 4096 });
    expect(kernel.seen()).toEqual(['listing /srv']);
  });

  test('ends at the destination itself', () => {
    const kernel = new Kernel({ view });
    const app = kernel.walk('0', 'srv', 'app');
    kernel.lookup(app, 'none');
    kernel.walk('0', 'srv', 'app', 'top');
    expect(kernel.seen()).toEqual([
      'entry /srv/app',
      'absent /srv/app/none',
      'entry /srv/app/top',
      'attributes /srv/app/top',
    ]);
  });

  test('a destination that is not there is absent', () => {
    const kernel = new Kernel({
      view: { ...view, sources: [{ path: 'gone' as RepoPath, glob: false }], placement: 'as' },
    });
    kernel.lookup(kernel.walk('0', 'srv'), 'app');
    expect(kernel.seen()).toEqual(['absent /srv/app']);
  });
});

describe('first touch', () => {
  test('each fact belongs to the first step that saw it', () => {
    const kernel = new Kernel();
    const one = kernel.walk('0', 'dir', 'one');
    kernel.lookup(kernel.walk('0'), 'none');
    const first = ['entry /', 'entry /dir', 'entry /dir/one', 'attributes /dir/one', 'absent /none'];
    expect(kernel.seen()).toEqual(first);
    kernel.walk('0', 'dir', 'one');
    kernel.lookup(kernel.walk('0'), 'none');
    kernel.ask({ kind: 'getattr', node: one });
    kernel.ask({ kind: 'getattr', node: kernel.walk('0', 'dir') });
    expect(kernel.seen()).toEqual(['attributes /dir']);
    expect(kernel.seen()).toEqual([]);
  });

  test('requests are counted by step', () => {
    const kernel = new Kernel();
    kernel.walk('0', 'dir', 'one');
    expect(kernel.fileSystem.cut().requests).toBe(3);
    expect(kernel.fileSystem.cut().requests).toBe(0);
    expect(kernel.fileSystem.answer({ kind: 'silent', unique: 0n, node: 1 }, kernel.out)).toBe(0);
    expect(kernel.fileSystem.cut().requests).toBe(0);
  });

  test('fingerprints are those of the view', () => {
    const kernel = new Kernel();
    kernel.ask({ kind: 'readlink', node: kernel.walk('0', 'dir', 'link') });
    const link = kernel.fileSystem.cut().observations.at(-1);
    expect(link).toEqual({ view: 0, path: '/dir/link', kind: 'link', fingerprint: '-> one' });
  });
});

test('a name brings the size along, which some calls show without asking, and no time that would tell anything', () => {
  const kernel = new Kernel({ mtime: 'persistent' });
  const root = kernel.walk('0');
  kernel.seen();
  const { payload } = kernel.ask({ kind: 'lookup', node: root, name: 'top' });
  expect(kernel.seen()).toEqual(['entry /top', 'attributes /top']);
  // fuse_entry_out: 40 bytes, then fuse_attr with size at 8 and mtime at 32.
  expect(payload.readBigUInt64LE(40 + 32)).toBe(1_700_000_000n);
});

describe('an empty file is known by its size', () => {
  test('to who finds its name', () => {
    const kernel = new Kernel();
    kernel.walk('0', 'dir', 'empty');
    expect(kernel.seen().slice(2)).toEqual(['entry /dir/empty', 'attributes /dir/empty', 'content /dir/empty']);
  });
});

describe('times', () => {
  test('plain: one for all, and git index 100 s later', () => {
    const kernel = new Kernel({
      view: {
        sources: [
          { path: '.git' as RepoPath, glob: false },
          { path: 'top' as RepoPath, glob: false },
        ],
      },
    });
    expect(kernel.mtime(kernel.walk('0', 'top'))).toEqual({ seconds: 1_700_000_000n, nanoseconds: 0 });
    expect(kernel.mtime(kernel.walk('0', '.git', 'HEAD'))).toEqual({ seconds: 1_700_000_000n, nanoseconds: 0 });
    expect(kernel.mtime(kernel.walk('0', '.git', 'index'))).toEqual({ seconds: 1_700_000_100n, nanoseconds: 0 });
  });

  test('persistent: its own, and asking for it is reading', () => {
    const kernel = new Kernel({ mtime: 'persistent' });
    expect(kernel.mtime(kernel.walk('0', 'top'))).toEqual({ seconds: 1_234_567_890n, nanoseconds: 123_456_789 });
    kernel.mtime(kernel.walk('0', 'dir'));
    kernel.mtime(kernel.walk('0', 'dir', 'link'));
    expect(kernel.seen()).toEqual([
      'entry /',
      'entry /top',
      'attributes /top',
      'content /top',
      'entry /dir',
      'listing /dir',
      'entry /dir/link',
      'attributes /dir/link',
      'link /dir/link',
    ]);
  });
});

describe('directories', () => {
  function namesIn(payload: Buffer): { readonly names: string[]; readonly next: number } {
    const names: string[] = [];
    let next = 0;
    for (let at = 0; at < payload.length;) {
      const length = payload.readUInt32LE(at + 16);
      next = Number(payload.readBigUInt64LE(at + 8));
      names.push(payload.toString('utf8', at + 24, at + 24 + length));
      at += (24 + length + 7) & ~7;
    }
    return { names, next };
  }

  test('are told in byte order and resumed anywhere', () => {
    const count = 100_000;
    const wanted = Array.from({ length: count }, (_, index) => `file-${String(index).padStart(6, '0')}`);
    const big = treeOf(directory('big', ...wanted.map((name) => file(name, 1))));
    const kernel = new Kernel({ tree: big });
    const node = kernel.walk('0', 'big');
    const told: string[] = [];
    for (let offset = 0; ;) {
      const { payload } = kernel.ask({ kind: 'readdir', node, offset, sizeBytes: 4096 });
      if (payload.length === 0) break;
      expect(payload.length).toBeLessThanOrEqual(4096);
      const { names, next } = namesIn(payload);
      told.push(...names);
      offset = next;
    }
    expect(told).toEqual(['.', '..', ...wanted]);
    const again = kernel.ask({ kind: 'readdir', node, offset: 50_002, sizeBytes: 4096 });
    expect(namesIn(again.payload).names[0]).toBe('file-050000');
    const end = kernel.ask({ kind: 'readdir', node, offset: 500_000, sizeBytes: 4096 });
    expect(end).toMatchObject({ error: 0, payload: Buffer.alloc(0) });
    expect(kernel.seen()).toEqual(['entry /', 'entry /big', 'listing /big']);
  });

  test('name the same inode as a stat does', () => {
    const kernel = new Kernel();
    const { payload } = kernel.ask({ kind: 'readdir', node: kernel.walk('0', 'dir'), offset: 2, sizeBytes: 4096 });
    const stat = kernel.ask({ kind: 'getattr', node: kernel.walk('0', 'dir', 'empty') });
    expect(payload.readBigUInt64LE(0)).toBe(stat.payload.readBigUInt64LE(16));
  });
});

describe('INIT', () => {
  const init = { kind: 'init', node: 0, major: 7, maxReadaheadBytes: 131_072 } as const;

  test('asks for what the kernel has of what is wanted, never READDIRPLUS or a write-back cache', () => {
    const kernel = new Kernel();
    const { error, payload } = kernel.ask({ ...init, minor: 45, flags: 0xffffffff });
    expect(error).toBe(0);
    expect([payload.readUInt32LE(0), payload.readUInt32LE(4)]).toEqual([7, 38]);
    expect(payload.readUInt32LE(12)).toBe(0x3c60001);
    expect(kernel.fileSystem.refused).toBeNull();
  });

  test('speaks an older minor where the kernel does', () => {
    const { payload } = new Kernel().ask({ ...init, minor: 31, flags: 0xffffffff });
    expect(payload.readUInt32LE(4)).toBe(31);
  });

  test('refuses a kernel that would forget its caches', () => {
    const kernel = new Kernel();
    const flags = 0xffffffff & ~initFlags.noOpendir;
    expect(kernel.ask({ ...init, minor: 28, flags })).toMatchObject({ error: -71 });
    expect(kernel.fileSystem.refused).toContain('too old');
  });
});

describe('what cannot be answered', () => {
  test('an operation that is not known is a doubt about this step only', () => {
    const kernel = new Kernel();
    expect(kernel.ask({ kind: 'unknown', node: 1, opcode: 4096 })).toMatchObject({ error: -38 });
    expect(kernel.fileSystem.cut()).toMatchObject({ fault: null, doubt: expect.stringContaining('operation 4096') });
    expect(kernel.fileSystem.cut().doubt).toBeNull();
  });

  test('a request that is not understood', () => {
    const kernel = new Kernel();
    expect(kernel.ask({ kind: 'malformed', node: 1, why: 'half a READ' })).toMatchObject({ error: -5 });
    expect(kernel.fileSystem.cut().fault).toContain('half a READ');
    const unnamed = { kind: 'malformed', node: 0, why: 'no header', unique: 0n } as const;
    expect(kernel.fileSystem.answer(unnamed, kernel.out)).toBe(0);
    expect(kernel.fileSystem.cut().fault).toContain('no header');
  });

  test('a node that was never handed out', () => {
    const kernel = new Kernel();
    expect(kernel.ask({ kind: 'getattr', node: 4711 })).toMatchObject({ error: -5 });
    expect(kernel.fileSystem.cut().fault).toContain('4711');
  });

  test('a tree that fails', () => {
    const broken: FrozenTree = {
      ...tree,
      entry(path) {
        if (path === 'top') throw new Error('the manifest is torn');
        return tree.entry(path);
      },
    };
    const kernel = new Kernel({ tree: broken });
    const root = kernel.walk('0');
    expect(kernel.lookup(root, 'top')).toMatchObject({ error: -5 });
    expect(kernel.lookup(root, 'dir')).toMatchObject({ error: 0 });
    expect(kernel.fileSystem.cut().fault).toContain('the manifest is torn');
  });

  test('bytes that the store has lost', () => {
    const kernel = new Kernel();
    const node = kernel.walk('0', 'top');
    expect(kernel.ask({ kind: 'read', node, offset: 0, sizeBytes: 4096 })).toMatchObject({ error: -5 });
    expect(kernel.fileSystem.cut().fault).toMatch(/stored copy of top cannot be read: \/nowhere\/blobs\/aa/);
  });

  test('reading what is no file, listing what is no directory, following what is no link', () => {
    const kernel = new Kernel();
    const dir = kernel.walk('0', 'dir');
    const top = kernel.walk('0', 'top');
    expect(kernel.ask({ kind: 'read', node: dir, offset: 0, sizeBytes: 4096 })).toMatchObject({ error: -22 });
    expect(kernel.ask({ kind: 'readdir', node: top, offset: 0, sizeBytes: 4096 })).toMatchObject({ error: -20 });
    expect(kernel.ask({ kind: 'readlink', node: top })).toMatchObject({ error: -22 });
    expect(kernel.lookup(top, 'x')).toMatchObject({ error: -20 });
    expect(kernel.seen()).toEqual(['entry /', 'entry /dir', 'entry /top', 'attributes /top']);
  });
});

test.each([
  ['optional', -38],
  ['ioctl', -25],
  ['closing', 0],
  ['destroy', 0],
] as const)('%s is answered with %d and observes nothing', (kind, error) => {
  const kernel = new Kernel();
  expect(kernel.ask({ kind, node: 1 })).toMatchObject({ error, payload: Buffer.alloc(0) });
  expect(kernel.seen()).toEqual([]);
});

test('FORGET and INTERRUPT take no reply', () => {
  const kernel = new Kernel();
  expect(kernel.fileSystem.answer({ kind: 'silent', unique: 0n, node: 1 }, kernel.out)).toBe(0);
});
