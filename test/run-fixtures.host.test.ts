import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { debianBase, testBases } from './support/base-machine.ts';
import { inOrder, redact } from './support/redact.ts';
import { scratch } from './support/scratch.ts';

const root = fileURLToPath(new URL('../fixtures/run/', import.meta.url));
const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const update = process.env['UPDATE_GOLDENS'] === '1';

/** Stories that show what only a virtual machine does, or does otherwise. `LAYER_DRIVER=vm` plays all of them on it, which takes its time. */
const ofMachines = ['cache', 'failed-step', 'processes-left', 'restart'];

/**
 * A folder is a whole story: `repo/` is what a person has, `steps.yml` what they type, one line after another (`layer …` is the real thing, all
 * else goes to bash), `expected.txt` what they see, `expected.vm.txt` where it is something else on a virtual machine. UPDATE_GOLDENS=1 writes it anew.
 */
describe('fixtures/run', () => {
  beforeAll(async () => void (await debianBase()));
  const all = readdirSync(root).sort();
  const driver = process.env['LAYER_DRIVER'] ?? 'sandbox';
  for (const name of all) it(name, () => tell(join(root, name), driver), driver === 'vm' ? 900_000 : undefined);
  if (driver === 'vm') return;
  for (const name of ofMachines) it(`${name}, on virtual machines`, () => tell(join(root, name), 'vm'), 900_000);
});

function tell(story: string, driver: string): void {
  const here = scratch();
  const repo = join(here, 'repo');
  mkdirSync(repo);
  if (existsSync(join(story, 'repo'))) cpSync(join(story, 'repo'), repo, { recursive: true });
  const lines = parse(readFileSync(join(story, 'steps.yml'), 'utf8')) as readonly string[];
  const seen = lines.map((line) => type(line, { repo, here, driver })).join('\n');
  const usual = join(story, 'expected.txt');
  const own = join(story, `expected.${driver}.txt`);
  if (update) {
    const same = driver !== 'sandbox' && existsSync(usual) && readFileSync(usual, 'utf8') === seen;
    rmSync(own, { force: true });
    if (!same) writeFileSync(driver === 'sandbox' ? usual : own, seen);
  }
  const path = existsSync(own) ? own : usual;
  expect(seen).toBe(existsSync(path) ? readFileSync(path, 'utf8') : '');
}

function type(
  line: string,
  { repo, here, driver }: { readonly repo: string; readonly here: string; readonly driver: string },
): string {
  const script = `layer() { ${JSON.stringify(process.execPath)} --disable-warning=ExperimentalWarning ${JSON.stringify(main)} "$@"; }\n${line}`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], {
    cwd: repo,
    env: {
      PATH: process.env['PATH'],
      HOME: here,
      LAYER_STORE: join(here, 'store'),
      LAYER_BASES: testBases,
      LAYER_DRIVER: driver,
      // As often as in the sandbox, so that nothing depends on how long a step takes.
      LAYER_SNAPSHOT_AFTER: '0',
      LAYER_DEBUG: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_AUTHOR_NAME: 'Somebody',
      GIT_AUTHOR_EMAIL: 'somebody@example.com',
      GIT_COMMITTER_NAME: 'Somebody',
      GIT_COMMITTER_EMAIL: 'somebody@example.com',
    },
    encoding: 'utf8',
    timeout: driver === 'vm' ? 600_000 : 120_000,
  });
  // Names that are another in each run must not decide the order.
  const output = `${inOrder(redact(stdout, here))}${redact(stderr === '' ? '' : `[stderr]\n${stderr}`, here)}`;
  return `$ ${line}\n${output}${status === 0 ? '' : `[exit ${status}]\n`}`;
}
