import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeHost } from '../../../src/node-host.ts';
import { defaultOptions, type TargetOptions } from '../../../targets/index.ts';
import { debianBase, testBases } from '../../support/base-machine.ts';
import { compileFor } from '../../support/compiled.ts';
import { scratch } from '../../support/scratch.ts';
import type { NativeEvent } from './native.ts';
import { runWorkflow, type WorkflowResult, type WorkflowRun } from '../../support/workflow-executor/run-workflow.ts';

const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));

/** A repository that is compiled and run, both on GitHub's runners as the executor has them, and by `layer run`. */
export class Stage {
  readonly repository: string;
  readonly #scratch: string;
  readonly #visible: string[] = [];
  #runs = 0;

  constructor(files: Readonly<Record<string, string>> | { readonly copyOf: string }) {
    this.#scratch = scratch();
    this.repository = join(this.#scratch, 'r');
    mkdirSync(this.repository);
    if ('copyOf' in files && typeof files.copyOf === 'string')
      cpSync(files.copyOf, this.repository, { recursive: true });
    else for (const [path, text] of Object.entries(files)) this.write(path, text);
    this.git('init', '-q', '-b', 'main');
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.repository, path)), { recursive: true });
    writeFileSync(join(this.repository, path), text);
  }

  edit(path: string, change: (text: string) => string): void {
    this.write(path, change(readFileSync(join(this.repository, path), 'utf8')));
  }

  /** Another repository beside this one, which machines see too; its path. */
  library(files: Readonly<Record<string, string>>): string {
    const library = join(this.#scratch, 'library');
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(library, path)), { recursive: true });
      writeFileSync(join(library, path), text);
    }
    const options = { env: environment(), cwd: library };
    for (const args of [
      ['init', '-q', '-b', 'main'],
      ['add', '-A'],
      ['commit', '-q', '-m', 'one'],
      ['branch', 'stable'],
    ]) {
      spawnSync('git', args, options);
    }
    this.#visible.push(library);
    return library;
  }

  git(...args: readonly string[]): void {
    const { status, stderr } = spawnSync('git', ['-C', this.repository, ...args], {
      env: environment(),
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
  }

  /** Compiles, commits everything, and runs the workflow. */
  async onGithub(
    run: Omit<WorkflowRun, 'workflow' | 'repository' | 'scratch' | 'base'> & {
      readonly options?: TargetOptions;
      readonly title?: string;
    },
  ): Promise<WorkflowResult> {
    const { files } = await compileFor('github', nodeHost().repository(this.repository), run.options ?? defaultOptions);
    if (files === null) throw new Error('the repository does not compile');
    for (const { path, content } of files) this.write(path, content);
    if (run.branch !== undefined) this.git('checkout', '-q', '-B', run.branch);
    this.git('add', '-A');
    this.git('commit', '-q', '--allow-empty', '-m', run.title ?? 'A commit');
    this.#runs += 1;
    return runWorkflow({
      number: this.#runs,
      visible: this.#visible,
      ...run,
      workflow: files[0]?.content ?? '',
      repository: this.repository,
      base: (await debianBase()).root,
      scratch: this.#scratch,
    });
  }

  /** Runs `layer run`; what each Layerfile's steps printed, by its runner's label, and how it ended. */
  natively(
    one: { readonly args?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
  ): NativeResult {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        main,
        'run',
        '--json',
        '--jobs',
        '1',
        '--keep-going',
        ...(one.args ?? []),
      ],
      {
        cwd: this.repository,
        env: {
          ...environment(),
          HOME: this.#scratch,
          LAYER_STORE: join(this.#scratch, 'store'),
          LAYER_BASES: testBases,
          LAYER_DRIVER: 'sandbox',
          ...one.env,
        },
        encoding: 'utf8',
        maxBuffer: 1 << 28,
        timeout: 170_000,
      },
    );
    if (status === null || status === 64 || status === 2) throw new Error(`layer run ended with ${status}: ${stderr}`);
    return {
      status,
      events: stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as NativeEvent),
      stderr,
    };
  }
}

export interface NativeResult {
  readonly status: number;
  readonly events: readonly NativeEvent[];
  readonly stderr: string;
}

function environment(): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_AUTHOR_NAME: 'Somebody',
    GIT_AUTHOR_EMAIL: 'somebody@example.com',
    GIT_COMMITTER_NAME: 'Somebody',
    GIT_COMMITTER_EMAIL: 'somebody@example.com',
  };
}
