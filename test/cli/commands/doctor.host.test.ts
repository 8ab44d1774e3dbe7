import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { Examination } from '../../../src/cli/doctor/report.ts';
import { scratch } from '../../support/scratch.ts';

const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));

it('says that this host is fit, and leaves nothing of what it tried', () => {
  const store = join(scratch(), 'store');
  const said = execFileSync(process.execPath, [main, 'doctor', '--json', '--store', store], { encoding: 'utf8' });
  const { fit, elevation, examinations } = JSON.parse(said) as {
    fit: boolean;
    elevation: readonly string[];
    examinations: readonly Examination[];
  };
  expect({ fit, elevation }).toEqual({ fit: true, elevation: [] });
  const found = examinations.flatMap(({ probes }) => probes.map(({ what }) => what));
  expect(found).toEqual(
    expect.arrayContaining([
      'node',
      'git',
      'room',
      'reflink',
      '/dev/fuse',
      'overlay',
      'control groups',
      'network',
      'mmdebstrap',
      '/dev/kvm',
      'QEMU',
    ]),
  );
  expect(readdirSync(store)).toEqual([]);
});

it('ends with 3, and the way to be root, for a person who is not', () => {
  const directory = scratch();
  execFileSync('chmod', ['0777', directory]);
  let code = 0;
  let said = '';
  try {
    execFileSync(
      'setpriv',
      [
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        process.execPath,
        main,
        'doctor',
        '--store',
        join(directory, 'store'),
      ],
      { encoding: 'utf8', stdio: 'pipe' },
    );
  } catch (error) {
    ({ status: code, stdout: said } = error as { status: number; stdout: string });
  }
  expect(code).toBe(3);
  expect(said).toMatch(/✗ privileges +not root.*\n +→ /);
});
