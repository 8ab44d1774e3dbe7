import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testBases } from '../support/base-machine.ts';
import { scratch } from '../support/scratch.ts';
import { pushTo, type JobSetting } from '../support/workflow-job.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** The action as it is built. */
export const action = join(root, 'dist/action.js');
/** What the runner starts when the job ends. */
export const post = join(root, 'dist/post.js');

/** A clone of a repository, as actions/checkout leaves it, and a store of its own. */
export function setting(files: Record<string, string> | 'quickstart', change: Partial<JobSetting> = {}): JobSetting {
  return makeSetting(scratch(), files === 'quickstart' ? files : { from: scratch(files) }, change);
}

/** The same in a directory of the caller's; `from` is copied. */
export function makeSetting(
  temp: string,
  files: { readonly from: string } | 'quickstart',
  change: Partial<JobSetting> = {},
): JobSetting {
  const workspace = join(temp, 'workspace');
  mkdirSync(workspace);
  cpSync(files === 'quickstart' ? join(root, 'fixtures/quickstart') : files.from, workspace, { recursive: true });
  const git = (...args: string[]) => execFileSync('git', args, { cwd: workspace, stdio: 'ignore' });
  git('init', '--quiet', '--initial-branch=main');
  git('remote', 'add', 'origin', 'https://github.com/octo/gallery');
  git('add', '.');
  git('-c', 'user.name=layer', '-c', 'user.email=layer@localhost', 'commit', '--quiet', '--message=A gallery');
  return {
    ...{ temp, workspace, event: pushTo('main') },
    ...change,
    inputs: { store: 'none', ...change.inputs },
    env: { LAYER_STORE: join(temp, 'store'), LAYER_BASES: testBases, ...change.env },
  };
}
