import { mkdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { readLayers, writeTree, type Layer } from './archive/unpack.ts';
import type { RootTree } from './archive/root-tree.ts';
import { aptOptions } from './debian/provider.ts';
import { BaseError } from './failure.ts';
import { aptConfiguration, enterScript, finishScript } from './finish.ts';
import type { BaseWork, Fetched } from './host.ts';
import { isCode, runProgram } from './program.ts';
import { baseDigest, missingPackages, parseDpkgStatus, recipeVersion, type InstalledPackage } from './recipe.ts';

/** A finished base machine that still lies in the scratch directory. */
export interface Assembled {
  readonly digest: string;
  /** Holds `root`. */
  readonly directory: string;
  /** Bytes of the files, before they are installed into. */
  readonly bytes: number;
  /** What `base.json` beside the root says, for people. */
  readonly description: unknown;
}

/** Unpacks the archives, installs what is missing, and finishes the machine as every base is. */
export async function assemble(work: BaseWork, fetched: Fetched): Promise<Assembled> {
  const { host, signal } = work;
  const what = fetched.layers[fetched.layers.length - 1]?.file.what ?? work.name;
  const tree = await readLayers({ layers: fetched.layers, signal });
  const lacks = [
    ...(tree.has('/bin/bash') || tree.has('/usr/bin/bash') ? [] : ['bash']),
    ...(tree.has('/usr/bin/apt-get') ? [] : ['apt']),
  ];
  if (lacks.length > 0) throw new BaseError({ kind: 'unsuitable', what, lacks });
  const refusal = tree.settle();
  if (refusal) throw new BaseError({ kind: 'refused', what, ...refusal });

  const directory = join(work.scratch, 'base');
  const root = join(directory, 'root');
  await mkdir(root, { recursive: true });
  const bytes = await unpack({ work, tree, layers: fetched.layers, root });

  const configuration = aptConfiguration(await aptOptions(host, signal));
  const missing = missingPackages(await readPackages(root, what));
  await finish({
    work,
    root,
    env: {
      PACKAGES: missing.join(' '),
      APT_CONFIGURATION: configuration,
      SOURCES: fetched.sources.map((line) => `${line}\n`).join(''),
    },
  });
  const packages = await readPackages(root, what);
  const digest = baseDigest({
    provider: fetched.origin,
    architecture: host.architecture,
    packages,
    configuration: [...configuration.split('\n'), ...fetched.sources],
  });
  const description = {
    name: work.name,
    digest,
    recipe: recipeVersion,
    origin: fetched.origin,
    architecture: host.architecture,
    packages,
  };
  return { digest, directory, bytes, description };
}

async function unpack(parts: {
  readonly work: BaseWork;
  readonly tree: RootTree;
  readonly layers: readonly Layer[];
  readonly root: string;
}): Promise<number> {
  const { work, tree, layers, root } = parts;
  let bytes = 0;
  const written = (count: number): void => {
    bytes += count;
    work.progress({ kind: 'unpacking', name: work.name, bytes });
  };
  await runProgram(
    // prettier-ignore
    ['tar', '--extract', `--directory=${root}`, '--numeric-owner', '--same-owner', '--preserve-permissions', '--xattrs',
      '--xattrs-include=*', '--delay-directory-restore'],
    {
      what: `unpacking ${work.name}`,
      remedy: 'apt-get install tar',
      env: work.host.env,
      signal: work.signal,
      writeStdin: (out) => writeTree({ tree, layers, out, written, signal: work.signal }),
    },
  );
  return bytes;
}

async function finish(parts: {
  readonly work: BaseWork;
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
}): Promise<void> {
  const { work, root } = parts;
  const { host } = work;
  const env: Record<string, string> = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    LC_ALL: 'C',
    DEBIAN_FRONTEND: 'noninteractive',
    ...Object.fromEntries(Object.entries(host.env).filter(([name]) => /^(?:https?|no)_proxy$/i.test(name))),
    ...parts.env,
  };
  await runProgram(
    // prettier-ignore
    ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--mount', '--pid', '--ipc', '--uts', '--fork', '--kill-child',
      'sh', '-c', enterScript, 'sh', root, finishScript],
    {
      what: `setting up ${work.name} (apt-get in the machine)`,
      remedy: 'apt-get install util-linux',
      env,
      onLine: (line) => work.progress({ kind: 'installing', name: work.name, line }),
      signal: work.signal,
    },
  );
}

async function readPackages(root: string, what: string): Promise<readonly InstalledPackage[]> {
  try {
    const path = join(await realpath(root), 'var/lib/dpkg/status');
    if ((await realpath(path)) !== path)
      throw new BaseError({ kind: 'malformed', what, why: 'dpkg keeps its status behind a link' });
    return parseDpkgStatus(await readFile(path, 'utf8'));
  } catch (error) {
    if (isCode(error, 'ENOENT')) throw new BaseError({ kind: 'unsuitable', what, lacks: ['dpkg'] });
    throw error;
  }
}
