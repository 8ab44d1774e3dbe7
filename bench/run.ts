// What `layer run` costs where nothing has changed, and what a COPY of a gigabyte costs: `node bench/run.ts [rounds]`, as root, with a Debian 12 base.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { debianBase, testBases } from '../test/support/base-machine.ts';

const rounds = Number(process.argv[2] ?? 7);
const layer = fileURLToPath(new URL('../dist/layer.js', import.meta.url));
const here = mkdtempSync(join(tmpdir(), 'layer-bench-run-'));
/** A file counts as unchanged by its stat alone from two seconds after its last touch on. */
const settledMs = 2500;

interface Event {
  readonly kind: string;
  readonly durationMs: number;
  readonly step?: { readonly title: string };
}

try {
  await debianBase();
  print(
    'node -e 0',
    times(() => spawnSync(process.execPath, ['-e', '0'])),
  );
  for (const count of [2000, 10_000, 100_000]) noChange(count);
  gigabyte();
} finally {
  rmSync(here, { recursive: true, force: true });
}

/** Every file is copied, and read by the step. */
function noChange(count: number): void {
  const repo = repository(`files-${count}`);
  for (let directory = 0; directory < count / 100; directory += 1) {
    mkdirSync(join(repo, 'src', `d${directory}`), { recursive: true });
    for (let file = 0; file < 100; file += 1) {
      writeFileSync(join(repo, 'src', `d${directory}`, `f${file}.ts`), `export const value = ${directory * file};\n`);
    }
  }
  writeFileSync(join(repo, 'Layerfile'), 'FROM vm/debian:12\nCOPY . .\nRUN cat src/*/* | md5sum\n');
  wait(settledMs);
  const first = events(repo);
  print(`${count} files: first run`, [total(first)]);
  events(repo);
  print(
    `${count} files: nothing has changed, all were read`,
    times(() => run(repo)),
  );
  writeFileSync(join(repo, 'Layerfile'), 'FROM vm/debian:12\nCOPY . .\nRUN ls src | wc -l\n');
  events(repo);
  print(
    `${count} files: nothing has changed, few were read`,
    times(() => run(repo)),
  );
}

function gigabyte(): void {
  const repo = repository('gigabyte');
  const piece = Buffer.alloc(1 << 20);
  for (let file = 0; file < 1024; file += 1) {
    mkdirSync(join(repo, 'data', String(file % 32)), { recursive: true });
    piece.writeUInt32LE(file);
    writeFileSync(join(repo, 'data', String(file % 32), `${file}.bin`), piece);
  }
  writeFileSync(join(repo, 'Layerfile'), 'FROM vm/debian:12\nCOPY . .\nCOPY . /again\nRUN ls | wc -l\n');
  wait(settledMs);
  print('COPY of 1 GB, hashes unknown: the run', [total(events(repo))]);
  const runs = Array.from({ length: rounds }, () => events(repo, '--no-cache'));
  print(
    'COPY of 1 GB, hashes known: the first of its machine',
    runs.map((one) => copyOf(one, '.')),
  );
  print(
    'COPY of 1 GB, hashes known: a further one',
    runs.map((one) => copyOf(one, '/again')),
  );
  print('COPY of 1 GB, hashes known: the run, machine included', runs.map(total));
}

function repository(name: string): string {
  const repo = join(here, name);
  mkdirSync(repo);
  execFileSync('git', ['-C', repo, 'init', '-q']);
  return repo;
}

function run(repo: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [layer, 'run', '--json', ...args], {
    cwd: repo,
    env: { PATH: process.env['PATH'], HOME: here, LAYER_STORE: join(here, 'store'), LAYER_BASES: testBases },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`layer run ended with ${status}: ${stderr}${stdout.slice(-2000)}`);
  return stdout;
}

function events(repo: string, ...args: readonly string[]): readonly Event[] {
  return run(repo, ...args)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Event);
}

function copyOf(all: readonly Event[], destination: string): number {
  const copy = all.find((one) => one.kind === 'stepEnded' && one.step?.title === `COPY . ${destination}`);
  if (copy === undefined) throw new Error('no COPY ran');
  return copy.durationMs;
}

function total(all: readonly Event[]): number {
  return all.at(-1)?.durationMs ?? Number.NaN;
}

function times(work: () => unknown): number[] {
  return Array.from({ length: rounds }, () => {
    const began = performance.now();
    work();
    return performance.now() - began;
  });
}

function wait(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** The least is what the work takes; the median tells how busy the machine was meanwhile. */
function print(what: string, milliseconds: readonly number[]): void {
  const sorted = milliseconds.toSorted((a, b) => a - b);
  const [least = Number.NaN] = sorted;
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  console.log(`${least.toFixed(0).padStart(7)} ms  (median ${median.toFixed(0)})  ${what}`);
}
