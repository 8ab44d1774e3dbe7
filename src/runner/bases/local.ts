import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readLayers } from './archive/unpack.ts';
import { BaseError } from './failure.ts';
import type { BaseWork, Provider } from './host.ts';
import { isCode, runProgram } from './program.ts';

/** A base machine from a tarball of a root file system: plain, gzip, zstd or xz. */
export function tarballProvider(path: string): Provider {
  const what = `tarball ${path}`;
  return {
    title: `the ${what}`,
    find: async (work) => {
      const file = resolve(work.host.repositoryRoot, path);
      await kindOf(file, what);
      work.progress({ kind: 'resolving', name: work.name, provider: what });
      const hash = createHash('sha256');
      for await (const chunk of createReadStream(file, { signal: work.signal })) hash.update(chunk as Uint8Array);
      const origin = `tarball sha256:${hash.digest('hex')}`;
      const layers = [{ file: { what: `the ${what}`, path: file, env: work.host.env }, diffId: null }];
      return { origin, fetch: () => Promise.resolve({ origin, exact: true, layers, sources: [] }) };
    },
  };
}

/** A base machine from a directory that holds a root file system. Times are not part of its identity. */
export function directoryProvider(path: string): Provider {
  const what = `directory ${path}`;
  return {
    title: `the ${what}`,
    find: async (work) => {
      const directory = resolve(work.host.repositoryRoot, path);
      if ((await kindOf(directory, what)) !== 'directory') {
        throw new BaseError({ kind: 'malformed', what: `the ${what}`, why: 'it is no directory' });
      }
      return { origin: null, fetch: () => packDirectory({ work, directory, what }) };
    },
  };
}

async function packDirectory(parts: { readonly work: BaseWork; readonly directory: string; readonly what: string }) {
  const { work, directory, what } = parts;
  work.progress({ kind: 'resolving', name: work.name, provider: what });
  const path = join(work.scratch, 'directory.tar');
  await runProgram(
    // prettier-ignore
    ['tar', '--create', `--file=${path}`, `--directory=${directory}`, '--sort=name', '--numeric-owner', '--xattrs', '--format=posix',
      '--one-file-system', '--exclude=./dev/*', '--exclude=./proc/*', '--exclude=./sys/*', '.'],
    {
      what: `reading the ${what}`,
      remedy: 'apt-get install tar',
      env: work.host.env,
      signal: work.signal,
    },
  );
  const layers = [{ file: { what: `the ${what}`, path, env: work.host.env }, diffId: null }];
  const hash = createHash('sha256');
  await readLayers({ layers, hash, signal: work.signal });
  return { origin: `directory sha256:${hash.digest('hex')}`, exact: true, layers, sources: [] };
}

async function kindOf(path: string, what: string): Promise<'file' | 'directory'> {
  try {
    return (await stat(path)).isDirectory() ? 'directory' : 'file';
  } catch (error) {
    if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) throw new BaseError({ kind: 'absent', what });
    throw error;
  }
}
