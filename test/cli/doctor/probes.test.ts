import { describe, expect, it } from 'vitest';
import {
  probeBases,
  probeGit,
  probeNode,
  probeStore,
  probeVirtualMachines,
  roomProbe,
} from '../../../src/cli/doctor/probes.ts';
import { isFit, printExaminations } from '../../../src/cli/doctor/report.ts';
import type { Host, Probe } from '../../../src/runner/drivers/sandbox/probe.ts';

/** A host that has these programs, by what they print, and these files. */
const host = (programs: Readonly<Record<string, string>>, files: Readonly<Record<string, string>> = {}): Host => ({
  uid: 0,
  capabilities: 0n,
  inContainer: false,
  has: (program) => program in programs,
  open: (path) => (path in files ? null : 'ENOENT'),
  read: (path) => files[path] ?? null,
  device: () => null,
  run: ([program = '']) => Promise.resolve({ code: 0, output: programs[program] ?? '' }),
});

const keyring = { '/usr/share/keyrings/debian-archive-keyring.gpg': 'keys' };
const look = ({ what, ok, remedy }: Probe): readonly unknown[] => [what, ok, remedy];

describe('what doctor finds', () => {
  it.each([
    ['v24.0.0', true],
    ['v26.1.0', true],
    ['v22.22.0', false],
    ['v8.0.0', false],
  ])('node %s: %s', (version, ok) => {
    expect(probeNode(version).ok).toBe(ok);
  });

  it('git, or the line that installs it', async () => {
    expect(await probeGit(host({ git: 'git version 2.39.5\n' }))).toMatchObject({ ok: true, detail: '2.39.5' });
    expect(look(await probeGit(host({})))).toEqual(['git', false, 'apt install git']);
  });

  // In each of them Node's own way of making directories would go on for ever, or a file is refused only once the directory is there.
  it.each(['/proc/layer', '/proc/layer/store', '/proc', '/dev/null/store'])(
    'a store that cannot be at %s',
    async (directory) => {
      const [only, ...others] = (await probeStore(directory, host({}))).map(look);
      expect(only).toEqual(['directory', false, '--store <a directory that can be written>']);
      expect(others).toEqual([]);
    },
  );

  it('what base machines are made with', async () => {
    const all = host({ mmdebstrap: 'mmdebstrap 1.3.5', tar: '', zstd: '', xz: '' }, keyring);
    expect((await probeBases(all)).map(look)).toEqual([
      ['mmdebstrap', true, null],
      ['archives', true, null],
    ]);
    expect((await probeBases(host({ tar: '', zstd: '' }))).map(look)).toEqual([
      ['mmdebstrap', false, 'apt install mmdebstrap debian-archive-keyring'],
      ['archives', false, 'apt install xz-utils'],
    ]);
    expect((await probeBases(host({ mmdebstrap: '', tar: '', zstd: '', xz: '' })))[0]?.remedy).toBe(
      'apt install debian-archive-keyring',
    );
    expect((await probeBases(host({})))[1]?.required).toBe(true);
  });

  it('accelerator and emulator, by architecture', async () => {
    const both = host({ 'qemu-system-x86_64': 'QEMU emulator version 7.2.19 (Debian)\nCopyright' }, { '/dev/kvm': '' });
    expect((await probeVirtualMachines(both, 'x64')).map(look)).toEqual([
      ['/dev/kvm', true, null],
      ['QEMU', true, null],
    ]);
    expect((await probeVirtualMachines(both, 'arm64'))[1]?.remedy).toBe('apt install qemu-system-arm qemu-utils');
    expect((await probeVirtualMachines(host({}), 'x64')).every(({ ok, required }) => !ok && !required)).toBe(true);
  });

  it('room for machines', () => {
    expect(roomProbe(3 * 1024 ** 3, 'xfs')).toMatchObject({ ok: true, detail: '3.0 GiB free on xfs' });
    expect(roomProbe(1024 ** 3, 'xfs').ok).toBe(false);
  });
});

describe('the report', () => {
  const probe = (what: string, ok: boolean, required: boolean): Probe => ({
    what,
    ok,
    required,
    detail: `${what}!`,
    remedy: ok ? null : `mend ${what}`,
  });
  const examine = (...probes: readonly Probe[]) => [{ title: 'sandbox', probes }];

  it('puts the line that mends below what it mends', () => {
    const shown = printExaminations(
      examine(probe('overlay', true, true), probe('fuse', false, true), probe('network', false, false)),
      { colour: false },
    );
    expect(shown).toBe(`sandbox
  ✓ overlay  overlay!
  ✗ fuse     fuse!
             → mend fuse
  ! network  network!
             → mend network

layer run cannot work here until the line marked ✗ is mended.
`);
  });

  it('counts only what is needed', () => {
    expect(isFit(examine(probe('a', true, true), probe('b', false, false)))).toBe(true);
    expect(isFit(examine(probe('a', false, true)))).toBe(false);
    expect(printExaminations(examine(probe('a', true, true)), { colour: false })).toContain('Everything is there.');
    expect(printExaminations(examine(probe('b', false, false)), { colour: false })).toContain(
      'lines marked ! could be better',
    );
    expect(printExaminations(examine(probe('a', false, true), probe('b', false, true)), { colour: true })).toContain(
      'the 2 lines marked ✗ are mended',
    );
  });
});
