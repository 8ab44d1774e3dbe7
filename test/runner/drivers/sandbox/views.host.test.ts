import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GuestPath, RepoPath } from '../../../../src/host.ts';
import { sandboxDriver } from '../../../../src/runner/drivers/sandbox/sandbox.ts';
import { startViewServer } from '../../../../src/runner/fuse/start.ts';
import type { ViewSpec } from '../../../../src/runner/view/view.ts';
import { lines, writeManifestOf } from '../../fuse/served.ts';
import { command, keep, shell, Workshop } from '../contract.ts';
import { buildTinyBase } from '../tiny-base.ts';

let workshop: Workshop;
beforeAll(() => {
  workshop = new Workshop({
    driver: sandboxDriver({ startViewServer, storeDirectory: tmpdir(), warn: () => {} }),
    base: buildTinyBase,
  });
});
afterAll(() => workshop.close());

/** A repository with these files, frozen; the trees of a machine. */
function freeze(files: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const repository = workshop.fresh();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(repository, path)), { recursive: true });
    writeFileSync(join(repository, path), text);
  }
  const manifest = `${repository}.manifest`;
  writeManifestOf(repository, manifest);
  return { repository: manifest };
}

const plain = { mode: 0o775, uid: 0, gid: 0 };

function copy(ordinal: number, source: string, destination: string, changes: Partial<ViewSpec> = {}): ViewSpec {
  const depth = destination.split('/').length - 1;
  return {
    ...{ ordinal, tree: 'repository', placement: 'as', destination: destination as GuestPath },
    sources: [{ path: source as RepoPath, glob: false }],
    ancestors: [{ mode: 0o755, uid: 0, gid: 0 }, ...Array.from({ length: depth }, () => plain)],
    ...changes,
  };
}

const files = { 'a.txt': 'one\n', 'b.txt': 'two\n', 'src/deep/c.txt': 'three\n' };

describe('views in a sandbox machine', () => {
  it('lie over the base, and what a step reads of them is told with the step', async () => {
    await using machine = await workshop.boot({ trees: freeze(files) });
    await machine.addView(copy(0, '', '/root/app'));
    await machine.endStep({ keep: true });
    expect(await shell(machine, 'cat app/a.txt')).toBe('one\n');
    const first = await machine.endStep({ keep: true });
    expect(lines(first.observations)).toContain('content /root/app/a.txt');
    expect(lines(first.observations)).not.toContain('content /root/app/b.txt');
    expect(await shell(machine, 'cat app/a.txt app/src/deep/c.txt; test -e app/.env || echo none')).toBe(
      'one\nthree\nnone\n',
    );
    const second = await machine.endStep({ keep: true });
    expect(lines(second.observations)).toContain('content /root/app/src/deep/c.txt');
    expect(lines(second.observations)).toContain('absent /root/app/.env');
    expect(lines(second.observations)).not.toContain('content /root/app/a.txt');
  });

  it('take the machine’s writes in the upper, and come back with the state', async () => {
    const trees = freeze(files);
    await using machine = await workshop.boot({ trees });
    await shell(machine, 'echo base > /root/before');
    await machine.addView(copy(0, '', '/root/app'));
    await shell(machine, 'echo changed >> app/a.txt; rm app/b.txt; echo new > app/new');
    const stack = await keep(machine);
    expect(stack.map(({ kind }) => kind)).toEqual(['layer', 'view', 'layer']);
    await using again = await workshop.boot({ trees, stack });
    expect(await shell(again, 'cat before app/a.txt; ls app')).toBe('base\none\nchanged\na.txt\nnew\nsrc\n');
  });

  it('show another commit’s files under the writes of the state', async () => {
    await using machine = await workshop.boot({ trees: freeze(files) });
    await machine.addView(copy(0, '', '/root/app'));
    await shell(machine, 'cat app/a.txt > app/out');
    const stack = await keep(machine);
    await using next = await workshop.boot({ trees: freeze({ 'a.txt': 'one\n', 'z.txt': 'z\n' }), stack });
    expect(await shell(next, 'ls app; cat app/out')).toBe('a.txt\nout\nz.txt\none\n');
  });

  it('stand over one another, the later on top', async () => {
    await using machine = await workshop.boot({ trees: freeze({ 'x/f': '1\n', 'x/only': 'x\n', 'y/f': '2\n' }) });
    await machine.addView(copy(0, 'x', '/srv/d'));
    await machine.addView(copy(1, 'y', '/srv/d'));
    expect(await shell(machine, 'cat /srv/d/f /srv/d/only')).toBe('2\nx\n');
  });

  it('do not hide what a link of the base leads to, when the destination is resolved first', async () => {
    await using machine = await workshop.boot({ trees: freeze({ tool: '#!/bin/sh\necho tool\n' }) });
    const { path, ancestors } = await machine.resolve('/bin' as GuestPath);
    await machine.addView(copy(0, 'tool', path, { placement: 'into', ancestors }));
    expect(await shell(machine, 'cat /bin/tool | tail -1; ls /bin | wc -l')).toMatch(/^echo tool\n[1-9]\d\d\n$/);
    expect(await shell(machine, 'stat -c %a /usr/bin')).toBe('755\n');
  });

  it('are copied in while processes live, and then count as read', async () => {
    await using machine = await workshop.boot({ trees: freeze({ ...files, 'd/x': 'x\n' }) });
    await shell(
      machine,
      'mkdir -p /root/app/a.txt /tmp/target; ln -s /tmp/target /root/app/link; echo old > /root/app/b.txt',
    );
    await machine.start(command('cd /root/app; exec sleep 1000'), () => {});
    await machine.addView(copy(0, '', '/root/app'));
    expect(await shell(machine, 'cat app/a.txt app/b.txt app/src/deep/c.txt; stat -c "%a %u" app/a.txt app/src')).toBe(
      'one\ntwo\nthree\n664 0\n775 0\n',
    );
    const { observations, state } = await machine.endStep({ keep: true });
    for (const path of ['a.txt', 'b.txt', 'src/deep/c.txt', 'd/x'])
      expect(lines(observations)).toContain(`content /root/app/${path}`);
    if (!state.kept) throw new Error(state.why);
    await using again = await workshop.boot({ stack: state.stack });
    expect(await shell(again, 'cat app/a.txt app/d/x; readlink app/link')).toBe('one\nx\n/tmp/target\n');
  });

  it('cut off reads that come after the machine was stopped, and lose none before', async () => {
    const many = Object.fromEntries(Array.from({ length: 400 }, (_, at) => [`f${at}`, `${at}\n`]));
    await using machine = await workshop.boot({ trees: freeze(many) });
    await machine.addView(copy(0, '', '/root/app'));
    await machine.endStep({ keep: false });
    const seen = new Set<string>();
    let longest = 0;
    const reader = await machine.start(
      command('cd app; for n in {0..399}; do read x < f$n; echo $n >> /root/done; sleep 0.005; done'),
      () => {},
    );
    let running = true;
    let kept = 0;
    void reader.exit.then(() => {
      running = false;
    });
    while (running) {
      const { observations, state, fault } = await machine.endStep({ keep: true });
      expect(fault).toBeNull();
      if (!state.kept) throw new Error(state.why);
      for (const { kind, path } of observations) if (kind === 'content') seen.add(path);
      if (state.layers.length === 0) continue;
      await using then = await workshop.boot({ stack: state.stack.filter(({ kind }) => kind === 'layer') });
      const done = (await shell(then, 'cat /root/done 2>/dev/null || true')).split('\n').filter((line) => line !== '');
      for (const n of done) expect(seen).toContain(`/root/app/f${n}`);
      longest = Math.max(longest, done.length);
      kept++;
    }
    expect(longest).toBeGreaterThan(100);
    expect(kept).toBeGreaterThan(3);
  });

  it('lose the machine when their server dies', async () => {
    const trees = freeze(files);
    let kill = async (): Promise<void> => {};
    const driver = sandboxDriver({
      startViewServer: async (spec) => {
        const server = await startViewServer(spec);
        kill = async () => await server[Symbol.asyncDispose]();
        return server;
      },
      storeDirectory: tmpdir(),
      warn: () => {},
    });
    await using machine = await driver.boot(
      {
        ...{ hostname: 'm', base: workshop.base, stack: [], trees, mtime: 'plain', memoryBytes: null, network: 'none' },
        directory: workshop.fresh(),
      },
      new AbortController().signal,
    );
    await machine.addView(copy(0, '', '/root/app'));
    const running = machine.exec(command('sleep 0.5; cat app/a.txt'), () => {}, new AbortController().signal);
    await kill();
    expect(await running).toMatchObject({ kind: 'lost' });
    const lost = expect.objectContaining({ name: 'MachineLost' });
    await expect(machine.addLayer(workshop.fresh(), '/root/app/new' as GuestPath)).rejects.toThrow(lost);
    await expect(machine.endStep({ keep: true })).rejects.toThrow(lost);
  });
});
