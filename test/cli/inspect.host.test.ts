import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { testBases } from '../support/base-machine.ts';
import { scratch } from '../support/scratch.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const layer = [process.execPath, '--disable-warning=ExperimentalWarning', main];

const environment = (cwd: string) => ({
  ...{ PATH: process.env['PATH'], HOME: cwd, TERM: 'dumb' },
  ...{ LAYER_STORE: join(cwd, '.store'), LAYER_BASES: testBases, LAYER_DRIVER: 'sandbox' },
});

/** Types each text when what it waits for has been printed. script(1) is a terminal for whoever has none. */
async function converse(
  argv: readonly string[],
  cwd: string,
  keys: readonly (readonly [awaited: string, typed: string])[],
): Promise<{ readonly status: number | null; readonly output: string }> {
  const command = argv.map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    cwd,
    env: environment(cwd),
    timeout: 60_000,
  });
  let output = '';
  let seen = 0;
  const left = [...keys];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    for (;;) {
      const [next] = left;
      const at = next === undefined ? -1 : output.indexOf(next[0], seen);
      if (next === undefined || at < 0) return;
      seen = at + next[0].length;
      left.shift();
      // A program that has printed its last line may need a moment until it reads.
      setTimeout(() => child.stdin.write(next[1]), 300);
    }
  });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, output };
}

function type(argv: readonly string[], { cwd, input = '' }: { readonly cwd: string; readonly input?: string }) {
  const [file = '', ...args] = argv;
  const { status, stdout, stderr } = spawnSync(file, args, {
    cwd,
    input,
    env: environment(cwd),
    encoding: 'utf8',
    timeout: 120_000,
  });
  return { status, stdout, stderr };
}

test('programs get JSON, and a person a real terminal that leaves nothing behind', async () => {
  const cwd = scratch({
    Layerfile: 'FROM vm/debian:12\nCOPY . /app\nWORKDIR /app\nENV NAME=value\nUSER guest\nRUN cat one\n',
    one: '1',
  });
  const json = (...words: readonly string[]) => JSON.parse(type([...layer, ...words, '--json'], { cwd }).stdout);
  expect(type([...layer, 'run'], { cwd })).toMatchObject({ status: 0 });

  const planned = json('plan');
  expect(planned).toMatchObject({ skipped: 5, run: 0, unknown: 0 });
  const id: string = planned.steps.at(-1).instance;
  expect(json('why', id.slice(0, 6))).toMatchObject({
    step: { runner: 'main-layerfile', title: 'RUN cat one', file: 'Layerfile', line: 6 },
    verdict: 'skip',
    instance: { id, snapshot: true },
  });
  const { reads } = json('reads', 'cat one');
  expect(reads).toContainEqual(expect.objectContaining({ kind: 'content', path: 'one', machinePath: '/app/one' }));
  const listed = type([...layer, 'affected', '-', '--json'], { cwd, input: 'one\nREADME.md\n' });
  expect(JSON.parse(listed.stdout)).toMatchObject([
    { file: 'one', affected: [{ runner: 'main-layerfile', step: { line: 6 }, following: 0 }] },
    { file: 'README.md', affected: [] },
  ]);
  expect(json('du')).toMatchObject({ repositories: [{ root: cwd }], otherProcesses: 0 });

  const sat = await converse([...layer, 'shell', 'Layerfile:6'], cwd, [
    ['leaves', 'tty; id -un; pwd; echo "$NAME"; touch /app/mine\n'],
    ['value', 'sleep 100\n'],
    ['sleep 100', '\u0003'],
    ['^C', 'echo after $?\n'],
    ['after 130', 'exit 0\n'],
  ]);
  expect(sat.output).toMatch(/\/dev\/pts\/\d+\r\nguest\r\n\/app\r\nvalue\r\n/);
  expect(sat.status).toBe(0);
  const names = type([...layer, 'shell', id, '--', 'ls /app'], { cwd });
  expect(names).toMatchObject({ status: 0, stdout: 'Layerfile\none\n' });
}, 120_000);
