import { resolve } from 'node:path';
import type { Host } from '../node-host.ts';
import type { Inputs } from './inputs.ts';

/** Where the job's repository is checked out, and the directory of it that the inputs mean; absolute. */
export function workspaceOf(
  { environment, directory }: Host,
  { workingDirectory }: Pick<Inputs, 'workingDirectory'>,
): { readonly workspace: string; readonly directory: string } {
  const workspace = environment['GITHUB_WORKSPACE'] || directory;
  return { workspace, directory: resolve(workspace, workingDirectory) };
}
