import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { formatVersion } from '../../src/runner/stores/local/database.ts';
import { debianBase, testBases } from '../support/base-machine.ts';
import { scratch } from '../support/scratch.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const argv = ['--disable-warning=ExperimentalWarning', main];

beforeAll(async () => void (await debianBase()));

interface Place {
  readonly repo: string;
  readonly store: string;
  readonly env: NodeJS.ProcessEnv;
}

function place(files: Record<string, string>): Place {
  const here = scratch(Object.fromEntries(Object.entries(files).map(([path, text]) => [`repo/${path}`, text])));
  const store = join(here, 'store');
  const env = {
    PATH: process.env['PATH'],
    HOME: here,
    LAYER_STORE: store,
    LAYER_BASES: testBases,
    LAYER_DRIVER: 'sandbox',
    LAYER_DEBUG: '1',
  };
  return { repo: join(here, 'repo'), store, env };
}

function layer({ repo, env }: Place, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [...argv, ...args], { cwd: repo, env, encoding: 'utf8', maxBuffer: 1 << 28 });
}

/** Starts a run and resolves when its output holds a text; `ended` is its exit. */
function begin(
  { repo, env }: Place,
  until: string,
): Promise<{ readonly pid: number; readonly ended: Promise<number | string> }> {
  const child = spawn(process.execPath, [...argv, 'run'], { cwd: repo, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | string>((resolve) =>
    child.on('close', (code, signal) => resolve(code ?? signal ?? '')),
  );
  return new Promise((resolve, reject) => {
    let seen = '';
    const look = (chunk: Buffer): void => {
      seen += chunk.toString();
      if (seen.includes(until)) resolve({ pid: child.pid ?? 0, ended });
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    void ended.then((code) => reject(new Error(`it ended with ${code} before: ${seen}`)));
  });
}

/** Processes of machines in a store, and mounts below it that this namespace sees. */
function remains({ store }: Place): { processes: string[]; mounts: string[] } {
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return line.includes(store) || line.includes('marker-of-this-test') ? [line] : [];
      } catch {
        return [];
      }
    });
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(store));
  return { processes, mounts };
}

async function settled(one: Place): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const { processes, mounts } = remains(one);
    if (processes.length === 0 && mounts.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(remains(one)).toEqual({ processes: [], mounts: [] });
}

const long = { Layerfile: 'FROM vm/debian:12\nRUN echo kept\nRUN echo begun; exec -a marker-of-this-test sleep 300\n' };

describe('a run that is stopped', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('by one %s ends cleanly and keeps what was done', async (signal) => {
    const here = place(long);
    const { pid, ended } = await begin(here, '│ begun');
    process.kill(pid, signal);
    expect(await ended).toBe(130);
    await settled(here);
    writeFileSync(join(here.repo, 'Layerfile'), 'FROM vm/debian:12\nRUN echo kept\nRUN echo other\n');
    expect(layer(here, 'run').stdout).toContain('skipped 1 of 2 steps');
  });

  test('by two is killed, and leaves nothing', async () => {
    const here = place(long);
    const { pid, ended } = await begin(here, '│ begun');
    process.kill(pid, 'SIGINT');
    process.kill(pid, 'SIGINT');
    expect(await ended).toBe(130);
    await settled(here);
  });

  test('by kill -9 leaves nothing that the next run does not clear up', async () => {
    const here = place(long);
    const { pid, ended } = await begin(here, '│ begun');
    process.kill(pid, 'SIGKILL');
    expect(await ended).toBe('SIGKILL');
    await settled(here);
    writeFileSync(join(here.repo, 'Layerfile'), 'FROM vm/debian:12\nRUN echo kept\nRUN echo other\n');
    expect(layer(here, 'run').stdout).toContain('skipped 1 of 2 steps');
    expect(layer(here, 'run').stdout).toContain('skipped 2 of 2 steps');
    const layers = join(here.store, `v${formatVersion}`, 'layers');
    // What the killed run had begun is gone: each directory left is named by an instance.
    for (const name of readdirSync(layers)) expect(readdirSync(join(layers, name))).toEqual(['layers']);
  });
});

describe('output', () => {
  test('that is not UTF-8, has no line ends or moves the cursor does no harm', () => {
    const here = place({
      Layerfile:
        'FROM vm/debian:12\nRUN head -c 3000000 /dev/zero | tr "\\0" x; echo; printf "\\377\\376 \\033[2J\\033]0;title\\007 a\\rb\\n"\n',
    });
    const { stdout, status } = layer(here, 'run');
    expect(status).toBe(0);
    expect(stdout).not.toContain('\u001b');
    expect(stdout.match(/x/g)?.length).toBeGreaterThanOrEqual(3_000_000);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThan(10_000);
    expect(stdout).toMatch(/│ b$/m);
  });

  test('as JSON is one object a line, the figures in the last', () => {
    const here = place({ Layerfile: 'FROM vm/debian:12\nRUN echo "{"; echo wörld\n' });
    const events = layer(here, 'run', '--json')
      .stdout.trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(
      events
        .filter((one) => one['kind'] === 'stepOutput')
        .map((one) => one['text'])
        .join(''),
    ).toBe('{\nwörld\n');
    expect(events.at(-1)).toMatchObject({ kind: 'runEnded', outcome: 'passed', skipped: 0, total: 1 });
    expect(events.find((one) => one['kind'] === 'stepStarted')).toMatchObject({
      step: { runner: 'main-layerfile', title: expect.stringContaining('RUN'), file: 'Layerfile', line: 2, column: 1 },
      reason: 'the instruction is new',
    });
  });
});

describe('what cannot be', () => {
  test('a base machine that is nowhere ends with 3 and says what to add', () => {
    const here = place({
      Layerfile: 'FROM vm/thing:1\nRUN true\n',
      '.layer/config.json': '{"bases": {"vm/thing:1": {"directory": "nowhere"}}}',
    });
    const { status, stdout } = layer(here, 'run');
    expect(status).toBe(3);
    expect(stdout).toContain('nowhere');
  });

  test('a step that fills the disk of its machine fails, and the run after it works', () => {
    const here = place({ Layerfile: 'FROM vm/debian:12\nRUN fallocate -l 100T /big || { echo no room; exit 5; }\n' });
    expect(layer(here, 'run')).toMatchObject({ status: 1, stdout: expect.stringContaining('│ no room') });
    writeFileSync(join(here.repo, 'Layerfile'), 'FROM vm/debian:12\nRUN true\n');
    expect(layer(here, 'run')).toMatchObject({ status: 0 });
  });

  test('names that nobody would choose are copied, listed and watched', () => {
    const here = place({
      Layerfile: 'FROM vm/debian:12\nCOPY . /app\nRUN ls /app | wc -l; cat /app/*name*\n',
      'a\nname': '1',
      '-n "$(x)`': '2',
    });
    writeFileSync(Buffer.concat([Buffer.from(`${here.repo}/not-utf8-name-`), Buffer.from([0xff])]), '3');
    expect(layer(here, 'run')).toMatchObject({ status: 0, stdout: expect.stringContaining('│ 13') });
    expect(layer(here, 'run').stdout).toContain('skipped 2 of 2');
    writeFileSync(join(here.repo, 'a\nname'), '9');
    expect(layer(here, 'run').stdout).toContain('rerun: a\\u000aname changed');
  });
});

test('a store inside the repository is in no view', () => {
  const here = place({ Layerfile: 'FROM vm/debian:12\nCOPY . /app\nRUN ls -A /app\n' });
  const inside = { ...here, env: { ...here.env, LAYER_STORE: join(here.repo, 'kept') } };
  const { stdout, status } = layer(inside, 'run');
  expect(status).toBe(0);
  expect(existsSync(join(here.repo, 'kept'))).toBe(true);
  expect(stdout).not.toContain('│ kept');
  expect(layer(inside, 'run').stdout).toContain('skipped 2 of 2');
});
