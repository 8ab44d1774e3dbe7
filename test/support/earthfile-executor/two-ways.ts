import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OutputFile } from '../../../src/target.ts';
import { compiled } from '../../targets/earthfile/compiled.ts';
import { readTree } from '../compile-fixtures.ts';
import { debianBase, testBases } from '../base-machine.ts';
import { buildTarget, type BuildOutcome } from './execute.ts';

const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));

/** How a run ended and what its commands printed, sorted, since copies and Layerfiles run side by side. */
export interface Ending {
  readonly succeeded: boolean;
  readonly lines: readonly string[];
}

/** A story told twice. */
export interface Story {
  readonly repo: string;
  readonly here: string;
  /** Options of `layer run`. */
  readonly native?: readonly string[];
  /** Options of `.earth/build`. */
  readonly earth?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const identity = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'Somebody',
  GIT_AUTHOR_EMAIL: 'somebody@example.com',
  GIT_COMMITTER_NAME: 'Somebody',
  GIT_COMMITTER_EMAIL: 'somebody@example.com',
};

/** `layer run` in a store of its own. */
export function runNatively({ repo, here, native = [], env = {} }: Story): Ending {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', main, 'run', '--progress', 'plain', ...native],
    {
      cwd: repo,
      env: {
        PATH: process.env['PATH'],
        HOME: here,
        LAYER_STORE: join(here, 'store'),
        LAYER_BASES: testBases,
        LAYER_DRIVER: 'sandbox',
        ...identity,
        ...env,
      },
      encoding: 'utf8',
      timeout: 120_000,
    },
  );
  if (status !== 0 && status !== 1) throw new Error(`layer run ended with ${status}:\n${stdout}${stderr}`);
  const lines = stdout.split('\n').flatMap((line) => {
    const match = /^\S.* ▸ .*? │ (.*)$/.exec(line);
    return match === null ? [] : [match[1] ?? ''];
  });
  return { succeeded: status === 0, lines: lines.sort() };
}

/** The same repository compiled, its `.earth/build` called with a tool that builds here. Throws where the target refuses it. */
export async function runByEarthfile(story: Story): Promise<Ending & { readonly outcome: BuildOutcome }> {
  const { repo, here } = story;
  const context = join(here, 'earth');
  cpSync(repo, context, { recursive: true });
  const { found, files } = await compiled(withoutGit(readTree(repo)));
  if (files === null) throw new Error(found.map(({ message }) => message).join('\n'));
  for (const file of files) put(context, file);
  const call = callOfBuild(context, story);
  const work = join(here, 'layers');
  // Caches stay from build to build; layers are made anew.
  const caches = join(here, 'caches');
  rmSync(work, { recursive: true, force: true });
  for (const directory of [work, caches]) mkdirSync(directory, { recursive: true });
  const { root } = await debianBase();
  const outcome = await buildTarget({ context, base: root, work, caches, ...call });
  return { succeeded: outcome.failed === null, lines: outcome.output.map(({ line }) => line).sort(), outcome };
}

function withoutGit(entries: Record<string, Uint8Array>): Record<string, Uint8Array> {
  return Object.fromEntries(Object.entries(entries).filter(([path]) => !path.startsWith('.git/')));
}

function put(context: string, { path, content }: OutputFile): void {
  mkdirSync(dirname(join(context, path)), { recursive: true });
  writeFileSync(join(context, path), content);
}

/** What `.earth/build` says to Earthly, heard by a program of that name. */
export function callOfBuild(
  context: string,
  { here, earth = [], env = {} }: Pick<Story, 'here' | 'earth' | 'env'>,
): Pick<Parameters<typeof buildTarget>[0], 'target' | 'args' | 'secrets' | 'push'> {
  const bin = join(here, 'bin');
  mkdirSync(bin, { recursive: true });
  const said = join(here, 'said');
  writeFileSync(join(bin, 'earth'), `#!/bin/bash\nprintf '%s\\0' "$@" >${said}\nenv -0 >${said}.env\n`);
  chmodSync(join(bin, 'earth'), 0o755);
  const { status, stderr } = spawnSync('bash', [join(context, '.earth/build'), ...earth], {
    cwd: here,
    env: { PATH: `${bin}:${process.env['PATH']}`, HOME: here, ...identity, ...env },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`.earth/build: ${stderr}`);
  const argv = readFileSync(said, 'utf8').split('\0').slice(0, -1);
  const environment = Object.fromEntries(
    readFileSync(`${said}.env`, 'utf8')
      .split('\0')
      .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
  const at = argv.findIndex((one) => one.startsWith('+'));
  const secrets = argv.flatMap((one, index) =>
    argv[index - 1] === '--secret' ? [[one, environment[one] ?? ''] as const] : [],
  );
  return {
    target: (argv[at] ?? '').slice(1),
    args: Object.fromEntries(
      argv.slice(at + 1).map((one) => [one.slice(2, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]),
    ),
    secrets: Object.fromEntries(secrets),
    push: argv.includes('--push'),
  };
}
