import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { findHierarchies } from '../../../../src/runner/drivers/sandbox/cgroup.ts';
import type { Host } from '../../../../src/runner/drivers/sandbox/probe.ts';
import { elevation, probeSandbox, sandboxProblem } from '../../../../src/runner/drivers/sandbox/probe.ts';
import { scratch } from '../../../support/scratch.ts';

/** A host on which everything is missing but what a test gives it. */
function host(changes: Partial<Host> & { readonly files?: Readonly<Record<string, string>> } = {}): Host {
  return {
    ...{ uid: 1000, capabilities: 0n, inContainer: false },
    has: () => true,
    open: () => null,
    read: (path) => changes.files?.[path] ?? null,
    device: () => 1,
    run: async () => ({ code: 1, output: 'refused' }),
    ...changes,
  };
}

const subordinate = { '/etc/subuid': 'ci:100000:65536\n', '/proc/self/uid_map': '0 0 4294967295' };

/** Runs what is listed, refuses the rest. */
function runs(...allowed: readonly string[]): Host['run'] {
  return async (argv) => {
    if (argv[0] === 'id') return { code: 0, output: 'ci\n' };
    return { code: allowed.includes(argv[0] ?? '') ? 0 : 1, output: 'refused' };
  };
}

async function refusal(on: Host): Promise<string> {
  const failed = (await probeSandbox('/nonesuch-parent', on)).find(({ ok, required }) => required && !ok);
  return `${failed?.what}: ${failed?.detail} | ${failed?.remedy}`;
}

it('tries once for each boot and file system whether overlays mount', async () => {
  const store = scratch();
  const files: Record<string, string> = { '/proc/sys/kernel/random/boot_id': 'one\n', ...subordinate };
  let tried = 0;
  const able = (changes: Partial<Host> = {}): Host =>
    host({
      ...{ uid: 0, capabilities: 1n << 21n },
      read: (path) => files[path] ?? (path.startsWith(store) && existsSync(path) ? readFileSync(path, 'utf8') : null),
      run: async () => ({ code: (tried += 1) === 3 ? 32 : 0, output: 'mount: no' }),
      ...changes,
    });
  for (let run = 0; run < 3; run += 1) expect(await sandboxProblem(store, able())).toBeNull();
  expect(tried).toBe(1);
  files['/proc/sys/kernel/random/boot_id'] = 'two\n';
  expect(await sandboxProblem(store, able())).toBeNull();
  expect(await sandboxProblem(store, able())).toBeNull();
  expect(tried).toBe(2);
  expect(await sandboxProblem(store, able({ device: () => 2 }))).toMatchObject({ what: 'overlay', ok: false });
  expect(await sandboxProblem(store, able({ device: () => 2 }))).toBeNull();
  expect(await sandboxProblem(store, able({ open: () => 'ENOENT' }))).toMatchObject({ what: '/dev/fuse' });
  expect(tried).toBe(4);
});

it('names the packages that are missing', async () => {
  expect(await refusal(host({ has: (program) => !['unshare', 'setpriv', 'perl'].includes(program) }))).toBe(
    'programs: unshare, setpriv, perl not found | apt install util-linux perl-base',
  );
});

it('goes through sudo where it asks nothing, else through a user namespace', async () => {
  expect(await elevation(host({ uid: 0, capabilities: 1n << 21n }))).toEqual([]);
  expect(await elevation(host({ run: runs('sudo') }))).toEqual(['sudo', '-n', '--preserve-env', '--']);
  expect(await elevation(host({ run: runs('unshare'), files: subordinate }))).toEqual([
    'unshare',
    '--user',
    '--map-root-user',
    '--map-auto',
    '--',
  ]);
  expect(await elevation(host({ run: runs() }))).toBeNull();
  expect(await refusal(host({ run: runs('sudo') }))).toContain('| sudo -n --preserve-env -- layer …');
});

it.each([
  [{ has: (program: string) => program !== 'newuidmap' }, 'sudo apt install uidmap'],
  [
    { files: { '/etc/subuid': 'ci:100000:100\n' } },
    'sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ci',
  ],
  [
    { files: { ...subordinate, '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1\n' } },
    'sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0',
  ],
  [
    { files: { ...subordinate, '/proc/sys/kernel/unprivileged_userns_clone': '0\n' } },
    'sudo sysctl kernel.unprivileged_userns_clone=1',
  ],
  [
    { files: { ...subordinate, '/proc/sys/user/max_user_namespaces': '0\n' } },
    'sudo sysctl user.max_user_namespaces=15000',
  ],
])('gives the one line that lets a user do it %#', async (changes, remedy) => {
  expect(await refusal(host({ run: runs(), ...changes }))).toContain(`| ${remedy}`);
});

it('gives the flags of docker run to who is in a container', async () => {
  const root = { uid: 0, capabilities: 1n << 21n, inContainer: true };
  expect(await refusal(host({ ...root, open: (path) => (path === '/dev/fuse' ? 'ENOENT' : null) }))).toMatch(
    /^\/dev\/fuse: cannot be opened \(ENOENT\) \| docker run --device \/dev\/fuse /,
  );
  expect(await refusal(host({ ...root, capabilities: 0n }))).toContain('root without CAP_SYS_ADMIN | docker run');
});

it('finds control groups of either version, and of both', () => {
  const line = (target: string, type: string, options: string): string =>
    `31 23 0:28 / ${target} rw - ${type} ${type} ${options}\n`;
  const unified = line('/sys/fs/cgroup', 'cgroup2', 'rw');
  const old =
    line('/sys/fs/cgroup/freezer', 'cgroup', 'rw,freezer') + line('/sys/fs/cgroup/memory', 'cgroup', 'rw,memory');
  expect(findHierarchies(unified)).toEqual({
    tracking: { version: 2, root: '/sys/fs/cgroup' },
    memory: { version: 2, root: '/sys/fs/cgroup' },
  });
  expect(findHierarchies(old)).toEqual({
    tracking: { version: 1, root: '/sys/fs/cgroup/freezer' },
    memory: { version: 1, root: '/sys/fs/cgroup/memory' },
  });
  expect(findHierarchies(unified + old)).toEqual({
    tracking: { version: 2, root: '/sys/fs/cgroup' },
    memory: { version: 1, root: '/sys/fs/cgroup/memory' },
  });
  expect(findHierarchies('')).toEqual({ tracking: null, memory: null });
});
