import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { testBases } from './base-machine.ts';
import { layerProgram } from './layer-program.ts';
import { type Entry, scratch } from './scratch.ts';

/** How a command ended, its two outputs in one. */
export interface Ended {
  readonly code: number | null;
  readonly said: string;
}

/** A repository and a store of its own, gone when the test is over, and the real program in it. */
export interface Checkout {
  readonly here: string;
  readonly repo: string;
  readonly store: string;
  /** `layer` with these arguments, in the repository or a directory of it. */
  readonly layer: (args: readonly string[], options?: RunOptions) => Ended;
  /** A line of bash in the repository, in which `layer` is the program. */
  readonly bash: (script: string, options?: RunOptions) => Ended;
}

interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Paths are relative to the repository. */
export function checkout(files: Readonly<Record<string, Entry>>): Checkout {
  const here = scratch(Object.fromEntries(Object.entries(files).map(([path, entry]) => [`repo/${path}`, entry])));
  const repo = join(here, 'repo');
  const store = join(here, 'store');
  const program = layerProgram();
  // Also for those who are not root.
  chmodSync(dirname(program), 0o755);
  const bash = (script: string, { cwd = '.', env = {} }: RunOptions = {}): Ended => {
    const { status, stdout } = spawnSync(
      'bash',
      ['-c', `exec 2>&1; layer() { "${process.execPath}" "${program}" "$@"; }; ${script}`],
      {
        cwd: join(repo, cwd),
        env: {
          ...plain,
          HOME: here,
          LAYER_STORE: store,
          LAYER_BASES: testBases,
          LAYER_DRIVER: 'sandbox',
          LAYER: `${process.execPath} ${program}`,
          ...env,
        },
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      },
    );
    return { code: status, said: stdout.replaceAll(here, '<here>') };
  };
  return {
    ...{ here, repo, store, bash },
    layer: (args, options) =>
      bash(`layer ${args.map((arg) => `'${arg.replaceAll("'", `'\\''`)}'`).join(' ')}`, options),
  };
}

const plain = {
  PATH: process.env['PATH'],
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@b',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@b',
};
