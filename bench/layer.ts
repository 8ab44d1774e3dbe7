import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { debianBase, testBases } from '../test/support/base-machine.ts';

const program = fileURLToPath(new URL('../dist/layer.js', import.meta.url));

/** A file counts as unchanged by its stat alone from two seconds after its last touch on. */
const settledMs = 2500;

/** A line of `layer run --json`, as far as benchmarks read it. */
export interface Event {
  readonly kind: string;
  readonly durationMs: number;
  readonly step?: { readonly title: string; readonly runner: string };
}

/** A scratch directory with a store and repositories in it, and the built program to run there. */
export interface Bench extends Disposable {
  readonly directory: string;
  /** A git repository with these files. */
  repository(name: string, files: Iterable<readonly [path: string, text: string | Uint8Array]>): string;
  /** Wall milliseconds of the program, its start included. */
  run(repository: string, ...args: readonly string[]): number;
  events(repository: string, ...args: readonly string[]): readonly Event[];
}

/** Opens it, with a Debian base machine at hand. */
export async function openBench(name: string): Promise<Bench> {
  await debianBase();
  const directory = mkdtempSync(join(tmpdir(), `layer-bench-${name}-`));
  const layer = (cwd: string, args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
      cwd,
      env: {
        PATH: process.env['PATH'],
        HOME: directory,
        LAYER_STORE: join(directory, 'store'),
        LAYER_BASES: testBases,
        LAYER_DRIVER: 'sandbox',
      },
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    if (status !== 0) throw new Error(`layer ${args.join(' ')} ended with ${status}: ${stderr}${stdout.slice(-2000)}`);
    return stdout;
  };
  return {
    directory,
    repository(title, files) {
      const root = join(directory, title);
      mkdirSync(root);
      execFileSync('git', ['-C', root, 'init', '-q']);
      for (const [path, text] of files) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), text);
      }
      return root;
    },
    run(repository, ...args) {
      const began = performance.now();
      layer(repository, ['run', ...args]);
      return performance.now() - began;
    },
    events(repository, ...args) {
      const lines = layer(repository, ['run', '--json', ...args])
        .trim()
        .split('\n');
      return lines.map((line) => JSON.parse(line) as Event);
    },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** `count` small files, a hundred in each directory. */
export function* smallFiles(count: number): Iterable<readonly [string, string]> {
  for (let file = 0; file < count; file += 1) {
    yield [`src/d${Math.floor(file / 100)}/f${file % 100}.ts`, `export const value = ${file};\n`];
  }
}

/** Until files that were just written are old enough for their stat to tell whether they have changed. */
export function settle(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, settledMs);
}

/** `12 ms`, `1.3 s`: the least of some measurements, since all else is the machine's other work. */
export function least(milliseconds: readonly number[]): string {
  const ms = Math.min(...milliseconds);
  return ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/** What some work takes, so many times. */
export function times(rounds: number, work: (round: number) => unknown): readonly number[] {
  return Array.from({ length: rounds }, (_, round) => {
    const began = performance.now();
    work(round);
    return performance.now() - began;
  });
}
