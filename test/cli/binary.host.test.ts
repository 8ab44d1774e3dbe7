import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { scratch } from '../support/scratch.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const layer = join(root, 'dist/layer.js');

type Ended = Pick<SpawnSyncReturns<string>, 'status' | 'stdout' | 'stderr'>;

function run(argv: readonly string[], cwd: string, environment: { readonly [name: string]: string } = {}): Ended {
  const [program = '', ...args] = argv;
  const plain = { PATH: process.env['PATH'], HOME: '/nonexistent', ...environment };
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, env: plain, encoding: 'utf8' });
  return { status, stdout, stderr };
}

beforeAll(() => {
  expect(spawnSync(process.execPath, ['.ci/setup.mjs'], { cwd: root, encoding: 'utf8' })).toMatchObject({ status: 0 });
});

test('is executable and knows its version', () => {
  expect(run([layer, '--version'], '/')).toEqual({ status: 0, stdout: `layer ${packageJson.version}\n`, stderr: '' });
});

test('does the same from the sources', () => {
  const cwd = scratch({ Layerfile: 'FROM vm/debian:12\nrun make\n' });
  const built = run([layer, 'check'], cwd);
  expect(built).toMatchObject({ status: 2, stderr: '' });
  expect(run([process.execPath, join(root, 'src/cli/main.ts'), 'check'], cwd)).toEqual(built);
});

test('draws pictures with what is installed beside it', () => {
  const cwd = scratch({ Layerfile: 'FROM vm/debian:12\n' });
  expect(run([layer, 'graph', '--format', 'svg'], cwd)).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('<svg'),
  });
});

test('heeds NO_COLOR and FORCE_COLOR', () => {
  const cwd = scratch({ Layerfile: 'FROM vm/debian:12\nrun make\n' });
  expect(run([layer, 'check'], cwd, { FORCE_COLOR: '1' }).stdout).toContain('\u001b[31m');
  expect(run([layer, 'check'], cwd).stdout).not.toContain('\u001b');
});

test('says nothing when nobody reads on', () => {
  const many = Object.fromEntries(
    Array.from({ length: 300 }, (_, index) => [
      `${index}/Layerfile`,
      'FROM vm/debian:12\nrun make\nEXPOSE WEBISTE x\n',
    ]),
  );
  const cwd = scratch(many);
  const script = '"$1" check | head -n 1; echo "${PIPESTATUS[0]}"';
  const { stdout, stderr } = run(['bash', '-c', script, 'bash', layer], cwd);
  expect({ stdout, stderr }).toEqual({ stdout: expect.stringMatching(/^error\[.*\n2\n$/), stderr: '' });
});

test('says when the directory it is in is gone', () => {
  const cwd = scratch();
  const { status, stderr } = run(['bash', '-c', 'rmdir "$PWD"; "$1" check', 'bash', layer], cwd);
  expect(status).toBe(3);
  expect(stderr).toMatch(/^layer: the directory that you are in is gone; change to another one\n$/);
});

test('keeps nothing for the next start where a file lies in the place of the cache', () => {
  const cwd = scratch({ Layerfile: 'FROM vm/debian:12\n', 'one/.cache': '', two: '', 'three/.cache/layer': '' });
  for (const name of ['one', 'two', 'three']) {
    const { status, stderr } = run([layer, 'check'], cwd, { HOME: join(cwd, name) });
    expect({ name, status, stderr }).toEqual({ name, status: 0, stderr: '' });
  }
});

test('takes the blame for what is its own fault', () => {
  const cwd = scratch({ Layerfile: 'FROM vm/debian:12\n' });
  writeFileSync(join(cwd, 'break.mjs'), "JSON.stringify = () => { throw new TypeError('broken on purpose'); };\n");
  const argv = [process.execPath, '--import', join(cwd, 'break.mjs'), layer, 'check', '--format', 'json'];
  const { status, stdout, stderr } = run(argv, cwd);
  expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
  expect(stderr).toMatch(
    /^layer: this is a bug in layer, not in what you did: broken on purpose\n  LAYER_DEBUG=1 .*\n$/,
  );
  expect(run(argv, cwd, { LAYER_DEBUG: '1' }).stderr).toMatch(/TypeError: broken on purpose\n    at /);
});

test('says which Layerfile may not be read', () => {
  const cwd = scratch({ Layerfile: 'FROM vm/debian:12\n', 'web/Layerfile': 'FROM vm/debian:12\n' });
  chmodSync(join(cwd, 'web/Layerfile'), 0);
  // Root reads everything unless it lays down its capabilities.
  const asNobodySpecial = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all'] : [];
  const { status, stdout, stderr } = run([...asNobodySpecial, layer, 'check'], cwd);
  expect({ status, stderr }).toEqual({ status: 2, stderr: '' });
  expect(stdout).toContain(
    'error[file/unreadable]: this Layerfile cannot be read: permission denied\n --> web/Layerfile:1:1',
  );
});

describe('an old Node', () => {
  const old = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
    if (!existsSync(path)) return false;
    return Number(spawnSync(path, ['-p', 'process.versions.node.split(".")[0]'], { encoding: 'utf8' }).stdout) < 24;
  });

  test('gives way to the one that a clone has', ({ annotate }) => {
    if (old === undefined) return void annotate('no Node older than 24 on this machine');
    const cwd = scratch({ Layerfile: 'FROM vm/debian:12\nrun make\n' });
    expect(run([old, layer, 'check'], cwd)).toEqual(run([process.execPath, layer, 'check'], cwd));
  });

  test('is named, with what is needed', ({ annotate }) => {
    if (old === undefined) return void annotate('no Node older than 24 on this machine');
    const alone = scratch({ 'package.json': '{ "type": "module" }', 'dist/layer.js': readFileSync(layer, 'utf8') });
    const { status, stdout, stderr } = run([old, join(alone, 'dist/layer.js'), 'check'], '/');
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toMatch(/^layer needs Node 24 or newer; this is Node \d+\.\d+\.\d+ \(.*\)\n$/);
  });
});

describe('compiled code of earlier runs', () => {
  /** Some runs of `check`, and the file in which they left code. */
  function warmed(): { readonly again: () => Ended; readonly file: string; readonly first: Ended } {
    const cwd = scratch({ Layerfile: 'FROM vm/debian:12\nrun make\n' });
    const home = scratch();
    const again = (): Ended => run([layer, 'check'], cwd, { HOME: home });
    const first = again();
    const directory = join(home, '.cache/layer/compiled');
    const [program = ''] = readdirSync(directory);
    return { again, first, file: join(directory, program, 'check') };
  }

  test('is kept a few times for each command, and no more', () => {
    const { again, first, file } = warmed();
    expect(first.status).toBe(2);
    const inodes = Array.from({ length: 6 }, () => {
      expect(again()).toEqual(first);
      return statSync(file).ino;
    });
    expect(new Set(inodes.slice(2)).size).toBe(1);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(file, '..'))).toEqual(['check']);
  });

  test.each<[string, (file: string) => void]>([
    ['a byte is another', (file) => writeFileSync(file, readFileSync(file).fill(0x5a, 4000, 4001))],
    ['it was cut', (file) => truncateSync(file, 5000)],
    ['it is empty', (file) => truncateSync(file, 0)],
    ['others may write it', (file) => chmodSync(file, 0o620)],
    ['a directory is in its place', (file) => (rmSync(file), mkdirSync(file))],
  ])('is left alone where %s', (_, spoil) => {
    const { again, first, file } = warmed();
    spoil(file);
    expect(again()).toEqual(first);
    expect(again()).toEqual(first);
  });

  test('is not kept of what is no command', () => {
    const { again, file } = warmed();
    again();
    const home = join(file, '../../../../..');
    expect(run([layer, 'chekc'], '/', { HOME: home }).status).toBe(64);
    expect(readdirSync(join(file, '..'))).toEqual(['check']);
  });
});
